/* Real functions for what DPDK offers only as static inline, as a macro, or as a thread-local variable.
 *
 * Called by the `sluice-dpdk` crate. One call per burst or per control step; nothing here is meant for each packet,
 * except taking and growing a single mbuf. No state, but for the log stream of `shim_log_capture`. */
#ifndef SLUICE_DPDK_SHIM_H
#define SLUICE_DPDK_SHIM_H

#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

/* What `shim_link` tells: a copy of rte_eth_link, whose fields are bits within unions. */
struct shim_link {
	uint32_t speed_mbps; /* UINT32_MAX: not known */
	uint8_t up;
	uint8_t full_duplex;
};

/* rte_eth_rx_burst: fills at most `count` of `packets`, returns how many. */
uint16_t shim_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count);
/* rte_eth_tx_burst: takes the first n of `packets`, returns n. */
uint16_t shim_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count);
/* rte_errno of the calling thread. */
int shim_errno(void);
/* rte_lcore_id of the calling thread; UINT32_MAX outside of EAL's threads. */
uint32_t shim_lcore_id(void);
/* rte_pktmbuf_alloc: NULL when the pool is empty. */
struct rte_mbuf *shim_mbuf_alloc(struct rte_mempool *pool);
/* rte_pktmbuf_alloc_bulk: 0, or a negative errno when the pool has not so many; then none is taken. */
int shim_mbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **packets, uint16_t count);
/* rte_pktmbuf_append: the new tail, or NULL when the last segment has no room. */
char *shim_mbuf_append(struct rte_mbuf *packet, uint16_t bytes);
/* rte_pktmbuf_trim: 0, or -1 when the last segment has fewer bytes. */
int shim_mbuf_trim(struct rte_mbuf *packet, uint16_t bytes);
/* rte_pktmbuf_chain: 0, or a negative errno when that would be too many segments. */
int shim_mbuf_chain(struct rte_mbuf *packet, struct rte_mbuf *tail);
/* rte_pktmbuf_data_room_size. */
uint16_t shim_data_room(struct rte_mempool *pool);
/* rte_eth_link_get_nowait: 0 or a negative errno. */
int shim_link(uint16_t port, struct shim_link *link);
/* rte_eth_macaddr_get: six bytes; 0 or a negative errno. */
int shim_mac(uint16_t port, uint8_t mac[6]);
/* Sends DPDK's log into memory from now on. 0, or -1 when there is no memory. One capture at a time. */
int shim_log_capture(void);
/* Ends it: the log goes to its usual place again. `*text` (NULL when there is none) is a copy of what came, which the
 * caller gives to `shim_text_free`. Returns its length. */
size_t shim_log_release(char **text);
/* free(3) for `shim_log_release`. */
void shim_text_free(char *text);
/* access(path, W_OK | X_OK) by the effective user: 1 when allowed. */
int shim_writable(const char *path);
/* statvfs(3): bytes of the file system that holds `path`, and those any user may still take. 0, or -1. */
int shim_disk_room(const char *path, uint64_t *total, uint64_t *available);
/* The folder EAL loads drivers from, as DPDK was built; empty when they are linked in. */
const char *shim_driver_folder(void);
/* Effective user id. */
uint32_t shim_uid(void);
/* atexit(3). */
int shim_at_exit(void (*handler)(void));

#endif
