// A small program that is busy in a few recognisable ways, and tells a profile server about it.
//
//	PYROSCOPE_SERVER_ADDRESS                                  where to push, http://localhost:4040 by default
//	PYROSCOPE_TENANT_ID                                       as which tenant
//	PYROSCOPE_BASIC_AUTH_USER, PYROSCOPE_BASIC_AUTH_PASSWORD  for a proxy in front of it
//	RUN_SECONDS                                               ends by itself after so long; without it, Ctrl-C ends it
package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/grafana/pyroscope-go"
)

func main() {
	serverAddress := cmp.Or(os.Getenv("PYROSCOPE_SERVER_ADDRESS"), "http://localhost:4040")

	// Without these two the runtime looks at neither. Every fifth fight for a mutex; waits, about one per microsecond.
	runtime.SetMutexProfileFraction(5)
	runtime.SetBlockProfileRate(1_000)

	profiler, err := pyroscope.Start(pyroscope.Config{
		ApplicationName:   "busy-go",
		ServerAddress:     serverAddress,
		TenantID:          os.Getenv("PYROSCOPE_TENANT_ID"),
		BasicAuthUser:     os.Getenv("PYROSCOPE_BASIC_AUTH_USER"),
		BasicAuthPassword: os.Getenv("PYROSCOPE_BASIC_AUTH_PASSWORD"),
		Tags:              map[string]string{"region": "local"},
		// Without one, nobody hears of a push that failed.
		Logger: errorLogger{},
		// Every five seconds, so that there is something to see soon.
		UploadRate: 5 * time.Second,
		ProfileTypes: []pyroscope.ProfileType{
			pyroscope.ProfileCPU,
			pyroscope.ProfileAllocObjects,
			pyroscope.ProfileAllocSpace,
			pyroscope.ProfileInuseObjects,
			pyroscope.ProfileInuseSpace,
			pyroscope.ProfileGoroutines,
			pyroscope.ProfileMutexCount,
			pyroscope.ProfileMutexDuration,
			pyroscope.ProfileBlockCount,
			pyroscope.ProfileBlockDuration,
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("busy; pushing profiles to %s every 5 s; errors are printed here\n", serverAddress)

	ctx, stop := untilStopped()
	defer stop()
	var workers sync.WaitGroup
	// Each kind of work has a label of its own: select {route="/checkout"} to see one alone.
	for route, work := range map[string]func(){"/checkout": checkout, "/search": search} {
		workers.Add(1)
		go func() {
			defer workers.Done()
			pyroscope.TagWrapper(ctx, pyroscope.Labels("route", route), func(ctx context.Context) {
				for ctx.Err() == nil {
					work()
					time.Sleep(5 * time.Millisecond)
				}
			})
		}()
	}
	workers.Wait()

	// Stop alone may leave profiles behind that wait to be sent.
	profiler.Flush(true)
	if err := profiler.Stop(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("done; pushes that failed are listed above")
}

// errorLogger prints what goes wrong, such as a push that was refused or found no server.
type errorLogger struct{}

func (errorLogger) Infof(string, ...any)  {}
func (errorLogger) Debugf(string, ...any) {}

func (errorLogger) Errorf(format string, values ...any) { log.Printf(format, values...) }

func untilStopped() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	seconds, err := strconv.ParseFloat(os.Getenv("RUN_SECONDS"), 64)
	if err != nil {
		return ctx, stop
	}
	return context.WithTimeout(ctx, time.Duration(seconds*float64(time.Second)))
}

type item struct {
	ID    int `json:"id"`
	Price int `json:"price"`
}

func checkout() {
	cart := make([]item, 400)
	for i := range cart {
		cart[i] = item{ID: i, Price: i * 7919 % 1000}
	}
	sortByPrice(cart)
	record(sign(serialise(cart)))
}

func search() {
	counts := countWords(strings.Repeat("the quick brown fox jumps over the lazy dog ", 200))
	record(fmt.Sprint(counts["fox"], fibonacci(25)))
}

func sortByPrice(cart []item) {
	slices.SortFunc(cart, func(a, b item) int { return cmp.Compare(a.Price, b.Price) })
}

func serialise(cart []item) []byte {
	var text []byte
	for range 10 {
		text, _ = json.Marshal(cart)
	}
	return text
}

func sign(text []byte) string {
	digest := sha256.Sum256(text)
	for range 100 {
		digest = sha256.Sum256(fmt.Appendf(nil, "%x", digest))
	}
	return fmt.Sprintf("%x", digest)
}

func countWords(text string) map[string]int {
	counts := make(map[string]int)
	for _, word := range strings.Fields(text) {
		counts[word]++
	}
	return counts
}

func fibonacci(n int) int {
	if n < 2 {
		return n
	}
	return fibonacci(n-1) + fibonacci(n-2)
}

var ledger struct {
	sync.Mutex
	lines []string
}

// record keeps the last lines; both kinds of work wait for each other here.
func record(line string) {
	ledger.Lock()
	defer ledger.Unlock()
	ledger.lines = append(ledger.lines, line)
	if len(ledger.lines) > 1000 {
		ledger.lines = ledger.lines[1:]
	}
	time.Sleep(time.Millisecond)
}
