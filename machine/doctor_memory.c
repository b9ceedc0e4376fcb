/* Checks of memory: nodes, pages, swap, modules. */
#include "doctor_internal.h"
#include "system_files.h"
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Nodes online; 0 when that is not shown. */
static int count_nodes(const char *root) {
    char list[128];
    if (!wn_system_line(root, "/sys/devices/system/node/online", list, sizeof list))
        return 0;
    int count = wn_system_list_count(list);
    return count > 0 ? count : 0;
}

void wn_check_numa_balancing(const wn_examination *e, wn_finding *f) {
    long balancing;
    int nodes = count_nodes(e->root);
    if (!wn_system_number(e->root, "/proc/sys/kernel/numa_balancing", &balancing))
        wn_find(f, nodes == 1 ? WN_VERDICT_GOOD : WN_VERDICT_UNKNOWN,
                nodes == 0 ? "not shown" : "not in this kernel");
    else
        wn_find(f, balancing && nodes > 1 ? WN_VERDICT_POOR : WN_VERDICT_GOOD, "%ld with %d node%s",
                balancing, nodes, nodes == 1 ? "" : "s");
}

void wn_check_numa_distance(const wn_examination *e, wn_finding *f) {
    char distances[160];
    int nodes = count_nodes(e->root);
    if (nodes == 0)
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
    else if (nodes == 1)
        wn_find(f, WN_VERDICT_GOOD, "one node");
    else if (wn_system_line(e->root, "/sys/devices/system/node/node0/distance", distances, sizeof distances))
        wn_find(f, WN_VERDICT_NOTE, "%d nodes, distances from the first: %.100s", nodes, distances);
    else
        wn_find(f, WN_VERDICT_NOTE, "%d nodes", nodes);
}

void wn_check_huge_pages(const wn_examination *e, wn_finding *f) {
    char enabled[32], defrag[32] = "unknown";
    if (!wn_system_choice(e->root, "/sys/kernel/mm/transparent_hugepage/enabled", enabled, sizeof enabled)) {
        wn_find(f, WN_VERDICT_UNKNOWN, "not in this kernel, or /sys is not mounted");
        return;
    }
    wn_system_choice(e->root, "/sys/kernel/mm/transparent_hugepage/defrag", defrag, sizeof defrag);
    bool given = strcmp(enabled, "madvise") == 0 || strcmp(enabled, "always") == 0;
    wn_find(f, given ? WN_VERDICT_GOOD : WN_VERDICT_POOR, "%s (defrag: %s)", enabled, defrag);
}

void wn_check_reserved_pages(const wn_examination *e, wn_finding *f) {
    long pages;
    if (!wn_system_number(e->root, "/proc/sys/vm/nr_hugepages", &pages))
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
    else
        wn_find(f, WN_VERDICT_GOOD, "%ld", pages);
}

void wn_check_swappiness(const wn_examination *e, wn_finding *f) {
    long value;
    if (!wn_system_number(e->root, "/proc/sys/vm/swappiness", &value))
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
    else
        wn_find(f, value <= 10 ? WN_VERDICT_GOOD : WN_VERDICT_NOTE, "%ld", value);
}

/* Kibibytes behind a key of /proc/meminfo; -1 when it is not there. */
static long meminfo(const char *root, const char *key) {
    char text[64], *end;
    if (!wn_system_field(root, "/proc/meminfo", key, text, sizeof text))
        return -1;
    long value = strtol(text, &end, 10);
    return end == text || value < 0 ? -1 : value;
}

void wn_check_swap(const wn_examination *e, wn_finding *f) {
    long total = meminfo(e->root, "SwapTotal"), left = meminfo(e->root, "SwapFree");
    if (total < 0 || left < 0)
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
    else if (total == 0)
        wn_find(f, WN_VERDICT_GOOD, "none");
    else
        wn_find(f, total - left > total / 100 ? WN_VERDICT_POOR : WN_VERDICT_NOTE, "%ld of %ld MiB used",
                (total - left) >> 10, total >> 10);
}

void wn_check_aslr(const wn_examination *e, wn_finding *f) {
    long value;
    if (!wn_system_number(e->root, "/proc/sys/kernel/randomize_va_space", &value))
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
    else
        wn_find(f, value == 0 ? WN_VERDICT_GOOD : WN_VERDICT_NOTE, value == 0 ? "off" : "on (%ld)", value);
}

/* Structure type 17 of the firmware's tables (SMBIOS 3, 7.18): size at byte 12, configured speed at 32. */
static bool read_module(const char *path, unsigned *speed) {
    unsigned char bytes[34] = {0};
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    unsigned size = length >= 14 ? bytes[12] | (unsigned)bytes[13] << 8 : 0;
    *speed = length >= 34 && bytes[1] >= 34 ? bytes[32] | (unsigned)bytes[33] << 8 : 0;
    return size != 0 && size != 0xffff;
}

void wn_check_channels(const wn_examination *e, wn_finding *f) {
    char pattern[PATH_MAX];
    glob_t found;
    int modules = 0;
    unsigned speed, slowest = 0;
    snprintf(pattern, sizeof pattern, "%s/sys/firmware/dmi/entries/17-*/raw", e->root);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            if (read_module(found.gl_pathv[i], &speed)) {
                modules++;
                slowest = slowest && slowest < speed ? slowest : speed;
            }
        globfree(&found);
    }
    if (modules == 0)
        wn_find(f, WN_VERDICT_UNKNOWN,
                "the firmware's tables are not shown (root may read them on real machines)");
    else
        wn_find(f, WN_VERDICT_GOOD, "%d modules at %u MT/s", modules, slowest);
}
