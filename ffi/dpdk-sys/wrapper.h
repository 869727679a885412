/* What bindgen reads: the DPDK headers we need, our shim, and constants computed from the headers.
 *
 * Read by build.rs only. Structures whose field names differ between DPDK releases are never named in Rust: their
 * offsets are computed here, by the compiler that knows them. */
#include <stddef.h>
#include <stdint.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_mempool.h>
#include <rte_version.h>

#include "shim.h"

/* Offsets in bytes of the mbuf fields read for each packet without a C call. */
enum mbuf_offsets {
	MBUF_BUF_ADDR = offsetof(struct rte_mbuf, buf_addr),
	MBUF_DATA_OFF = offsetof(struct rte_mbuf, data_off),
	MBUF_REFCNT = offsetof(struct rte_mbuf, refcnt),
	MBUF_NB_SEGS = offsetof(struct rte_mbuf, nb_segs),
	MBUF_PORT = offsetof(struct rte_mbuf, port),
	MBUF_OL_FLAGS = offsetof(struct rte_mbuf, ol_flags),
	MBUF_PKT_LEN = offsetof(struct rte_mbuf, pkt_len),
	MBUF_DATA_LEN = offsetof(struct rte_mbuf, data_len),
	MBUF_BUF_LEN = offsetof(struct rte_mbuf, buf_len),
	MBUF_POOL = offsetof(struct rte_mbuf, pool),
	MBUF_NEXT = offsetof(struct rte_mbuf, next),
	MBUF_SIZE = sizeof(struct rte_mbuf),
};

/* Macros with casts or shifts, which bindgen cannot evaluate as macros. */
static const uint64_t MBUF_FLAG_INDIRECT = RTE_MBUF_F_INDIRECT;
static const uint64_t MBUF_FLAG_EXTERNAL = RTE_MBUF_F_EXTERNAL;
static const uint64_t ETH_RX_SCATTER = RTE_ETH_RX_OFFLOAD_SCATTER;
static const uint64_t ETH_TX_MULTI_SEGS = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
static const uint64_t ETH_RSS_TYPES = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP;
static const uint32_t ETH_MQ_NONE = RTE_ETH_MQ_RX_NONE;
static const uint32_t ETH_MQ_RSS = RTE_ETH_MQ_RX_RSS;
