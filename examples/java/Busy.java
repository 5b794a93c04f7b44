// A small program that is busy in a few recognisable ways. The agent that it is started with tells a profile server about
// it; the program itself only names its kinds of work.
//
//     RUN_SECONDS   ends by itself after so long; without it, Ctrl-C ends it

import io.pyroscope.javaagent.config.Config;
import io.pyroscope.labels.v2.LabelsSet;
import io.pyroscope.labels.v2.Pyroscope;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

public class Busy {
    record Item(int id, int price) {}

    /** Both kinds of work wait for each other here. */
    private static final List<String> ledger = new ArrayList<>();

    public static void main(String[] args) throws InterruptedException {
        String runSeconds = System.getenv("RUN_SECONDS");
        long endNanos = System.nanoTime() + (runSeconds == null ? Long.MAX_VALUE / 2 : (long) (Double.parseDouble(runSeconds) * 1e9));
        // As the agent reads it: from the environment, or else from pyroscope.properties.
        System.out.println("busy; the agent pushes profiles to " + Config.build().serverAddress);

        // Each kind of work has a label of its own: select {route="/checkout"} to see one alone.
        Thread checkout = worker(endNanos, "/checkout", Busy::checkout);
        Thread search = worker(endNanos, "/search", Busy::search);
        checkout.join();
        search.join();
        System.out.println("done");
    }

    private static Thread worker(long endNanos, String route, Runnable work) {
        Thread thread = new Thread(() -> {
            while (System.nanoTime() - endNanos < 0) {
                Pyroscope.LabelsWrapper.run(new LabelsSet("route", route), work);
                sleep(5);
            }
        });
        thread.start();
        return thread;
    }

    static void checkout() {
        List<Item> cart = new ArrayList<>();
        for (int i = 0; i < 400; i++) cart.add(new Item(i, i * 7919 % 1000));
        sortByPrice(cart);
        note(sign(serialise(cart)));
    }

    static void search() {
        Map<String, Integer> counts = countWords("the quick brown fox jumps over the lazy dog ".repeat(200));
        note(counts.get("fox") + " " + fibonacci(27));
    }

    static void sortByPrice(List<Item> cart) {
        cart.sort(Comparator.comparingInt(Item::price));
    }

    static String serialise(List<Item> cart) {
        String text = "";
        for (int i = 0; i < 10; i++) text = cart.toString();
        return text;
    }

    static String sign(String text) {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            String digest = text;
            for (int i = 0; i < 100; i++) {
                digest = HexFormat.of().formatHex(sha256.digest(digest.getBytes(StandardCharsets.UTF_8)));
            }
            return digest;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    static Map<String, Integer> countWords(String text) {
        Map<String, Integer> counts = new HashMap<>();
        for (String word : text.split(" ")) counts.merge(word, 1, Integer::sum);
        return counts;
    }

    static int fibonacci(int n) {
        return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
    }

    static void note(String line) {
        synchronized (ledger) {
            ledger.add(line);
            if (ledger.size() > 1000) ledger.remove(0);
            sleep(5);
        }
    }

    private static void sleep(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
