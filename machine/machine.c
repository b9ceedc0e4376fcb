/* Reading what this machine is: CPUID, sysfs, affinity, control groups. What it can do is measured in
 * peak.c and bandwidth.c. */
#include "machine.h"
#include "cgroup.h"
#include "cpus.h"
#include "system_files.h"
#include <cpuid.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void read_vendor(wn_machine *machine) {
    unsigned highest, words[3];
    if (__get_cpuid(0, &highest, &words[0], &words[2], &words[1]))
        memcpy(machine->vendor, words, sizeof words);
}

/* Copies without spaces at the ends and doubled ones inside. */
static void copy_trimmed(char *to, const char *from) {
    char *out = to;
    for (; *from; from++)
        if (!isspace((unsigned char)*from))
            *out++ = *from;
        else if (out > to && out[-1] != ' ')
            *out++ = ' ';
    while (out > to && out[-1] == ' ')
        out--;
    *out = 0;
}

static void read_model_name(wn_machine *machine) {
    unsigned words[12];
    char text[sizeof words + 1] = "";
    for (unsigned i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002 + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
                         &words[4 * i + 3]))
            return;
    memcpy(text, words, sizeof words);
    copy_trimmed(machine->model_name, text);
}

/* Family and model with their extended fields, as both vendors define them. */
static void read_family(wn_machine *machine) {
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return;
    machine->stepping = eax & 15;
    machine->model = eax >> 4 & 15;
    machine->family = eax >> 8 & 15;
    if (machine->family == 6 || machine->family == 15)
        machine->model += (int)(eax >> 16 & 15) << 4;
    if (machine->family == 15)
        machine->family += eax >> 20 & 255;
}

/* "512K" in bytes. */
static long parse_size(const char *text) {
    long size = 0;
    char unit = 0;
    if (sscanf(text, "%ld%c", &size, &unit) < 1 || size < 0 || size > 1L << 32)
        return 0;
    return unit == 'K' ? size << 10 : unit == 'M' ? size << 20 : unit == 'G' ? size << 30 : size;
}

void wn_machine_read_caches(const char *root, int cpu, wn_machine *machine) {
    for (int index = 0;; index++) {
        char path[96], level[16], type[32], size[32], cpus[1024];
        int length = snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cache/index%d/", cpu, index);
        strcpy(path + length, "level");
        if (!wn_system_line(root, path, level, sizeof level))
            break;
        strcpy(path + length, "type");
        if (!wn_system_line(root, path, type, sizeof type) || strcmp(type, "Instruction") == 0)
            continue;
        strcpy(path + length, "size");
        if (!wn_system_line(root, path, size, sizeof size))
            continue;
        long *caches[] = {&machine->l1d, &machine->l2, &machine->l3};
        if (level[0] >= '1' && level[0] <= '3')
            *caches[level[0] - '1'] = parse_size(size);
        strcpy(path + length, "shared_cpu_list");
        if (level[0] == '3' && wn_system_line(root, path, cpus, sizeof cpus) &&
            wn_system_list_count(cpus) > 0)
            machine->l3_cpus = wn_system_list_count(cpus);
    }
}

/* What the C library makes of CPUID, where sysfs is silent. */
static void fill_caches(wn_machine *machine) {
    const struct {
        long *cache;
        int name;
    } caches[] = {{&machine->l1d, _SC_LEVEL1_DCACHE_SIZE},
                  {&machine->l2, _SC_LEVEL2_CACHE_SIZE},
                  {&machine->l3, _SC_LEVEL3_CACHE_SIZE}};
    for (int i = 0; i < 3; i++)
        if (*caches[i].cache == 0) {
            long size = sysconf(caches[i].name);
            *caches[i].cache = size > 0 ? size : 0;
        }
}

void wn_machine_read(wn_machine *machine) {
    *machine = (wn_machine){0};
    wn_cpus cpus;
    wn_cpus_allowed(&cpus);
    read_vendor(machine);
    read_model_name(machine);
    read_family(machine);
    wn_machine_read_caches("", cpus.cpu[0], machine);
    fill_caches(machine);
    machine->cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    machine->affinity = cpus.count;
    machine->quota = wn_cgroup_quota("");
    machine->memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    machine->memory_limit = wn_cgroup_memory("");
    machine->isa = wn_isa_native();
    char huge_pages[64];
    if (wn_system_line("", "/sys/kernel/mm/transparent_hugepage/enabled", huge_pages, sizeof huge_pages))
        machine->huge_pages = strstr(huge_pages, "[always]") || strstr(huge_pages, "[madvise]");
}

int wn_threads_default(void) {
    wn_cpus cpus;
    wn_cpus_allowed(&cpus);
    double quota = ceil(wn_cgroup_quota(""));
    return quota >= 1 && quota < cpus.count ? (int)quota : cpus.count;
}

/* " L2512K" or " L332M"; nothing when unknown. */
static void format_cache(const char *name, long bytes, char text[32]) {
    text[0] = 0;
    if (bytes >= 1 << 20 && bytes % (1 << 20) == 0)
        snprintf(text, 32, " %s%ldM", name, bytes >> 20);
    else if (bytes > 0)
        snprintf(text, 32, " %s%ldK", name, bytes >> 10);
}

int wn_machine_fingerprint(const wn_machine *machine, wn_isa isa, int threads, char *text, size_t size) {
    char l1d[32], l2[32], l3[32], quota[32] = "";
    format_cache("L1d", machine->l1d, l1d);
    format_cache("L2", machine->l2, l2);
    format_cache("L3", machine->l3, l3);
    if (machine->quota > 0)
        snprintf(quota, sizeof quota, " quota%g", machine->quota);
    return snprintf(text, size, "%s-%d-%d-%d %s%s%s%s cpus%d affinity%d%s threads%d",
                    machine->vendor[0] ? machine->vendor : "unknown", machine->family, machine->model,
                    machine->stepping, wn_isa_name(isa), l1d, l2, l3, machine->cpus, machine->affinity, quota,
                    threads);
}
