/* See shim.h. Each function is one call of DPDK or of libc. */
#define _GNU_SOURCE
#include "shim.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>

uint16_t shim_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count)
{
	return rte_eth_rx_burst(port, queue, packets, count);
}

uint16_t shim_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count)
{
	return rte_eth_tx_burst(port, queue, packets, count);
}

int shim_errno(void)
{
	return rte_errno;
}

uint32_t shim_lcore_id(void)
{
	return rte_lcore_id();
}

struct rte_mbuf *shim_mbuf_alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

int shim_mbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **packets, uint16_t count)
{
	return rte_pktmbuf_alloc_bulk(pool, packets, count);
}

char *shim_mbuf_append(struct rte_mbuf *packet, uint16_t bytes)
{
	return rte_pktmbuf_append(packet, bytes);
}

int shim_mbuf_trim(struct rte_mbuf *packet, uint16_t bytes)
{
	return rte_pktmbuf_trim(packet, bytes);
}

int shim_mbuf_chain(struct rte_mbuf *packet, struct rte_mbuf *tail)
{
	return rte_pktmbuf_chain(packet, tail);
}

uint16_t shim_data_room(struct rte_mempool *pool)
{
	return rte_pktmbuf_data_room_size(pool);
}

int shim_link(uint16_t port, struct shim_link *link)
{
	struct rte_eth_link answer;
	int result;

	memset(&answer, 0, sizeof(answer));
	result = rte_eth_link_get_nowait(port, &answer);
	link->speed_mbps = answer.link_speed;
	link->up = answer.link_status;
	link->full_duplex = answer.link_duplex;
	return result;
}

int shim_mac(uint16_t port, uint8_t mac[6])
{
	struct rte_ether_addr answer;
	int result;

	memset(&answer, 0, sizeof(answer));
	result = rte_eth_macaddr_get(port, &answer);
	memcpy(mac, answer.addr_bytes, 6);
	return result;
}

static FILE *log_stream;
static char *log_text;
static size_t log_length;

int shim_log_capture(void)
{
	if (log_stream == NULL)
		log_stream = open_memstream(&log_text, &log_length);
	if (log_stream == NULL)
		return -1;
	rewind(log_stream); /* what an earlier capture left is overwritten, and cut off by the next fflush */
	return rte_openlog_stream(log_stream);
}

size_t shim_log_release(char **text)
{
	size_t length = 0;

	*text = NULL;
	if (log_stream == NULL)
		return 0;
	rte_openlog_stream(NULL);
	/* The stream is never closed: a thread of DPDK's may have taken it a moment ago. The lock keeps the text still. */
	flockfile(log_stream);
	if (fflush(log_stream) == 0 && log_length > 0) {
		*text = malloc(log_length);
		if (*text != NULL) {
			memcpy(*text, log_text, log_length);
			length = log_length;
		}
	}
	funlockfile(log_stream);
	return length;
}

void shim_text_free(char *text)
{
	free(text);
}

int shim_writable(const char *path)
{
	return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0;
}

int shim_disk_room(const char *path, uint64_t *total, uint64_t *available)
{
	struct statvfs facts;
	if (statvfs(path, &facts) != 0)
		return -1;
	*total = (uint64_t)facts.f_blocks * facts.f_frsize;
	*available = (uint64_t)facts.f_bavail * facts.f_frsize;
	return 0;
}

const char *shim_driver_folder(void)
{
#ifdef RTE_EAL_PMD_PATH
	return RTE_EAL_PMD_PATH;
#else
	return "";
#endif
}

uint32_t shim_uid(void)
{
	return geteuid();
}

int shim_at_exit(void (*handler)(void))
{
	return atexit(handler);
}
