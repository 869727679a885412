//! EAL as a user without rights, without hugepages and without a runtime directory: it starts, is silent, leaves nothing.
//!
//! As root the test runs itself again as user 65534 through setpriv(1); without setpriv it says so and is skipped.
#![cfg(test)]

mod support;

use std::path::Path;
use std::process::Command;

use sluice_dpdk::{Eal, EalOptions, Mempool};
use support::{Capture, pattern, receive_all, start};

const CHILD: &str = "SLUICE_UNPRIVILEGED_CHILD";

#[test]
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn a_user_without_rights_replays_a_capture_in_silence_and_leaves_no_file() {
    if std::env::var_os(CHILD).is_some() {
        return replay();
    }
    let capture = Capture::write("unprivileged", &[pattern(100, 1), pattern(3_000, 2)]);
    let Ok(here) = std::env::current_exe() else { panic!("this test has no file") };
    // A copy, for the folder of the build may be closed to others.
    let program = std::env::temp_dir().join(format!("sluice-unprivileged-{}", std::process::id()));
    std::fs::copy(here, &program).expect("the temporary folder takes a file");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]);
    if effective_user() != 0 {
        command = Command::new("env");
    }
    let output = command
        .arg(&program)
        .args(["--exact", "a_user_without_rights_replays_a_capture_in_silence_and_leaves_no_file", "--nocapture"])
        .current_dir("/")
        .env(CHILD, capture.path())
        .env_remove("HOME")
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("RUNTIME_DIRECTORY")
        .output();
    let _gone = std::fs::remove_file(&program);
    let Ok(output) = output else {
        println!("skipped: setpriv(1) is not installed");
        return;
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert_eq!(err, "", "nothing on standard error");
    assert!(!out.contains("EAL"), "nothing of DPDK's on standard output: {out}");
    let prefix = out.lines().find_map(|line| line.strip_prefix("prefix ")).expect("the child tells its prefix");
    for base in ["/tmp/dpdk", "/var/run/dpdk", "/run/dpdk"] {
        assert!(!Path::new(base).join(prefix).exists(), "{base}/{prefix} was left behind");
    }
}

/// In the child: every choice is left to `Eal::start`.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn replay() {
    let path = std::env::var(CHILD).expect("the capture");
    let vdevs = vec![format!("net_pcap0,rx_pcap={path}")];
    let options =
        EalOptions { worker_cpus: vec![support::first_cpu()], memory_mib: 64, vdevs, ..EalOptions::default() };
    let eal = Eal::start(&options).expect("EAL starts for anybody");
    assert!(
        eal.choices().iter().any(|choice| choice.contains("no runtime directory of its own")),
        "{:?}",
        eal.choices()
    );
    let arguments = eal.arguments();
    let place = arguments.iter().position(|argument| argument == "--file-prefix").expect("a prefix");
    println!("\nprefix {}", arguments[place + 1]);
    let pool = Mempool::create(&eal, "unprivileged", 255, 2048, None).expect("there is memory for a pool");
    {
        let (_port, mut rx, _tx) = start(&eal, "net_pcap0", &pool);
        let lengths: Vec<_> = receive_all(&mut rx).iter().map(|packet| packet.chain_len()).collect();
        assert_eq!(lengths, [100, 3_000]);
    }
    assert_eq!(pool.in_use(), 0);
    assert_eq!(eal.worker_lcores().remove(0).launch(|| 5).expect("an idle lcore").join().expect("no panic"), 5);
}

fn effective_user() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is there");
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("a user");
    line.split_whitespace().nth(1).and_then(|user| user.parse().ok()).expect("a number")
}
