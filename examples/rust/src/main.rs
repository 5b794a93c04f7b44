//! A small program that is busy in a few recognisable ways, and tells a profile server about it.
//!
//! - `PYROSCOPE_SERVER_ADDRESS`: where to push, http://localhost:4040 by default
//! - `PYROSCOPE_TENANT_ID`: as which tenant
//! - `PYROSCOPE_BASIC_AUTH_USER`, `PYROSCOPE_BASIC_AUTH_PASSWORD`: for a proxy in front of it
//! - `RUN_SECONDS`: ends by itself after so long; without it, Ctrl-C ends it

use std::collections::hash_map::DefaultHasher;
use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::hash::{Hash, Hasher};
use std::hint::black_box;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pyroscope::backend::{pprof_backend, BackendConfig, PprofConfig};
use pyroscope::pyroscope::PyroscopeAgentBuilder;

const SAMPLE_RATE_HZ: u32 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let server_address =
        env::var("PYROSCOPE_SERVER_ADDRESS").unwrap_or("http://localhost:4040".into());

    let backend = pprof_backend(
        PprofConfig {
            sample_rate: SAMPLE_RATE_HZ,
        },
        BackendConfig::default(),
    );
    let version = env!("CARGO_PKG_VERSION");
    let mut agent = PyroscopeAgentBuilder::new(
        &server_address,
        "busy-rust",
        SAMPLE_RATE_HZ,
        "pyroscope-rs",
        version,
        backend,
    )
    .tags(vec![("region", "local")])
    // Every five seconds, so that there is something to see soon.
    .upload_interval(Duration::from_secs(5));
    if let Ok(tenant) = env::var("PYROSCOPE_TENANT_ID") {
        agent = agent.tenant_id(tenant);
    }
    if let (Ok(user), Ok(password)) = (
        env::var("PYROSCOPE_BASIC_AUTH_USER"),
        env::var("PYROSCOPE_BASIC_AUTH_PASSWORD"),
    ) {
        agent = agent.basic_auth(user, password);
    }
    let agent = agent.build()?.start()?;
    println!("busy; pushing profiles to {server_address} every 5 s");

    let run_seconds = env::var("RUN_SECONDS").map_or(Ok(f64::INFINITY), |text| text.parse())?;
    let start = Instant::now();
    let (add_tag, remove_tag) = agent.tag_wrapper();
    while start.elapsed().as_secs_f64() < run_seconds {
        // Each kind of work has a label of its own: select {route="/checkout"} to see one alone. A change of labels
        // costs the agent about a millisecond, so the work comes in larger pieces than that.
        for (route, work) in [("/checkout", checkout as fn()), ("/search", search)] {
            add_tag("route".into(), route.into())?;
            for _ in 0..20 {
                work();
            }
            remove_tag("route".into(), route.into())?;
        }
        sleep(Duration::from_millis(5));
    }

    agent.stop()?.shutdown();
    println!("done");
    Ok(())
}

struct Item {
    id: u32,
    price: u32,
}

fn checkout() {
    let mut cart: Vec<Item> = (0..400)
        .map(|id| Item {
            id,
            price: id * 7919 % 1000,
        })
        .collect();
    sort_by_price(&mut cart);
    black_box(sign(&serialise(&cart)));
}

fn search() {
    black_box(count_words(
        &"the quick brown fox jumps over the lazy dog ".repeat(200),
    ));
    black_box(fibonacci(21));
}

#[inline(never)]
fn sort_by_price(cart: &mut [Item]) {
    cart.sort_by_key(|item| item.price);
}

#[inline(never)]
fn serialise(cart: &[Item]) -> String {
    cart.iter()
        .map(|item| format!("{{\"id\":{},\"price\":{}}}", item.id, item.price))
        .collect()
}

#[inline(never)]
fn sign(text: &str) -> u64 {
    let mut digest = 0;
    for _ in 0..10 {
        let mut hasher = DefaultHasher::new();
        (digest, text).hash(&mut hasher);
        digest = hasher.finish();
    }
    digest
}

#[inline(never)]
fn count_words(text: &str) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for word in text.split(' ') {
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}

#[inline(never)]
fn fibonacci(n: u32) -> u64 {
    if n < 2 {
        u64::from(n)
    } else {
        fibonacci(n - 1) + fibonacci(n - 2)
    }
}
