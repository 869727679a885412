//! Raw bindings to libdpdk: everything `sluice-dpdk` needs and nothing else should call.
//!
//! The declarations are generated at build time from the installed headers (`wrapper.h`), so no layout is copied by hand.
//! Static inline functions of DPDK are reached through `shim.c`, as `shim_*`; `rte_mbuf` is opaque here and its fields are
//! read at the `MBUF_*` offsets, because releases differ in how they nest them. Shared libraries are linked by name, and
//! EAL opens the drivers itself.
//!
//! Sources: the headers of DPDK 22.11, 23.11 and 24.11 (built against 22.11.11; the other two: not built yet).
#![allow(unsafe_code)]
// Generated text: names, style and documentation are DPDK's.
#![allow(missing_docs, non_camel_case_types, non_snake_case, non_upper_case_globals, unnameable_types)]
#![allow(clippy::all, clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]
#![allow(rustdoc::all, unsafe_op_in_unsafe_fn, improper_ctypes, dead_code)]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
