//! Builds the bindings: asks `pkg-config` where libdpdk is, runs bindgen over `wrapper.h`, compiles `shim.c`.
//!
//! Run by cargo. Never writes outside `OUT_DIR`, never guesses a layout. Meant for DPDK 22.11, 23.11 and 24.11; built so far
//! against 22.11 only. What is missing on the machine ends the build with one sentence that names the Debian packages.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Oldest release the shim and the wrapper are written for.
const OLDEST: (u32, u32) = (22, 11);
/// Release in which the log functions moved from librte_eal to a library of their own.
const LOG_LIBRARY: (u32, u32) = (23, 11);

/// Libraries whose functions we call. Drivers are not among them: EAL opens those by itself.
const LIBRARIES: [&str; 6] = ["rte_eal", "rte_ethdev", "rte_mbuf", "rte_mempool", "rte_ring", "rte_kvargs"];

fn main() -> ExitCode {
    for input in ["wrapper.h", "shim.h", "shim.c"] {
        println!("cargo:rerun-if-changed={input}");
    }
    for variable in ["PKG_CONFIG", "PKG_CONFIG_PATH", "LIBCLANG_PATH"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("dpdk-sys: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let version = pkg_config("--modversion")?;
    let release = release_of(&version);
    if release < OLDEST {
        return Err(format!("libdpdk {version} is too old: 22.11 or newer is needed (Debian 12: libdpdk-dev)."));
    }
    let cflags: Vec<String> = pkg_config("--cflags")?.split_whitespace().map(str::to_owned).collect();
    for flag in pkg_config("--libs-only-L")?.split_whitespace() {
        if let Some(path) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={path}");
        }
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: run this through cargo.")?);
    generate(&cflags, &out)?;
    compile(&cflags)?;
    // After the shim, which needs them.
    for library in LIBRARIES {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
    if release >= LOG_LIBRARY {
        println!("cargo:rustc-link-lib=dylib=rte_log");
    }
    println!("cargo:version={version}");
    Ok(())
}

/// Asks `pkg-config` one question about libdpdk.
fn pkg_config(question: &str) -> Result<String, String> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    match Command::new(program).arg(question).arg("libdpdk").output() {
        Ok(answer) if answer.status.success() => Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned()),
        _ => Err("libdpdk was not found by pkg-config: install the Debian packages libdpdk-dev and pkg-config \
                  (also needed: gcc and libclang-dev)."
            .to_owned()),
    }
}

/// Year and month of a DPDK version such as `22.11.11`; (0, 0) when it has another form.
fn release_of(version: &str) -> (u32, u32) {
    let mut parts = version.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn generate(cflags: &[String], out: &std::path::Path) -> Result<(), String> {
    let builder = bindgen::Builder::default()
        .header("wrapper.h")
        .clang_args(cflags)
        .clang_arg("-DALLOW_EXPERIMENTAL_API")
        .allowlist_function(
            "shim_.*|rte_version|rte_dev_probe|rte_eal_.*|rte_get_(main|next)_lcore|rte_lcore_to_socket_id",
        )
        .allowlist_function(
            "rte_pktmbuf_(pool_create|free_bulk)|rte_mempool_(avail|in_use)_count|rte_mbuf_dyn.*_lookup|rte_mbuf_dyn_rx_timestamp_register",
        )
        .allowlist_function("rte_eth_dev_.*|rte_eth_[rt]x_queue_setup|rte_eth_stats_.*|rte_eth_promiscuous_.*")
        .allowlist_type("mbuf_offsets")
        .allowlist_var("RTE_MAX_(LCORE|ETHPORTS)|RTE_PKTMBUF_HEADROOM|MBUF_.*|ETH_.*")
        // Field names of these differ between releases (24.11 put the mbuf's into unnamed unions), and packed types
        // that hold aligned ones do not compile as Rust: fields are read at the offsets `wrapper.h` computes.
        .opaque_type("rte_mbuf|rte_mempool|rte_flow.*|rte_l2tpv2_combined_msg_hdr|rte_arp_hdr|rte_arp_ipv4|rte_device")
        .prepend_enum_name(false)
        .derive_debug(false)
        .derive_default(false)
        .layout_tests(true)
        .generate_comments(false);
    // bindgen panics, rather than answers, when libclang cannot be opened.
    std::panic::set_hook(Box::new(|_| {}));
    let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| builder.generate()));
    drop(std::panic::take_hook());
    let bindings = answer
        .map_err(|_| {
            "libclang was not found or could not be used: install the Debian package libclang-dev.".to_owned()
        })?
        .map_err(|error| format!("bindgen could not read the DPDK headers: {error}"))?;
    bindings
        .write_to_file(out.join("bindings.rs"))
        .map_err(|error| format!("the bindings could not be written: {error}"))
}

fn compile(cflags: &[String]) -> Result<(), String> {
    let mut compiler = cc::Build::new();
    compiler.file("shim.c").define("ALLOW_EXPERIMENTAL_API", None).opt_level(3).warnings(false);
    for flag in cflags {
        compiler.flag(flag);
    }
    compiler
        .try_compile("sluice_dpdk_shim")
        .map_err(|error| format!("the C shim did not compile (Debian packages: gcc, libdpdk-dev): {error}"))
}
