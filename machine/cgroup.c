/* Finding limits in control groups of version 2 (cpu.max) and version 1 (cpu.cfs_quota_us), also both at
 * once. */
#include "cgroup.h"
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Reads up to two numbers from folder/name; returns how many there were. */
static int read_numbers(const char *folder, const char *name, double numbers[2]) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    int read = fscanf(file, "%lf %lf", &numbers[0], &numbers[1]), count = 0;
    fclose(file);
    while (count < read && isfinite(numbers[count]))
        count++;
    return count;
}

/* cpu.max holds "quota period", or "max period" without a limit. */
static double quota_v2(const char *folder) {
    double numbers[2];
    if (read_numbers(folder, "cpu.max", numbers) != 2 || numbers[0] <= 0 || numbers[1] <= 0)
        return 0;
    return numbers[0] / numbers[1];
}

/* A quota of -1 means no limit. */
static double quota_v1(const char *folder) {
    double quota[2], period[2];
    if (read_numbers(folder, "cpu.cfs_quota_us", quota) < 1 || quota[0] <= 0)
        return 0;
    if (read_numbers(folder, "cpu.cfs_period_us", period) < 1 || period[0] <= 0)
        return 0;
    return quota[0] / period[0];
}

static double memory_v2(const char *folder) {
    double bytes[2];
    return read_numbers(folder, "memory.max", bytes) >= 1 && bytes[0] > 0 ? bytes[0] : 0;
}

/* Without a limit the file holds the largest number of whole pages. */
static double memory_v1(const char *folder) {
    double bytes[2];
    const double none = 0x1p62;
    bool limited = read_numbers(folder, "memory.limit_in_bytes", bytes) >= 1 && bytes[0] > 0;
    return limited && bytes[0] < none ? bytes[0] : 0;
}

/* One kind of limit: the controller's name in version 1, and how a group's folder is read; 0: no limit. */
typedef struct limit_kind {
    const char *controller;
    double (*v1)(const char *folder), (*v2)(const char *folder);
} limit_kind;

static const limit_kind quota_kind = {"cpu", quota_v1, quota_v2},
                        memory_kind = {"memory", memory_v1, memory_v2};

static double smaller_limit(double a, double b) {
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

/* The smallest limit from the group's folder up to the mount. A container may see the path of its group as
 * the host does, but only its own part of the tree: folders that do not exist are passed over. */
static double limit_upwards(const char *mount, const char *group, double (*limit)(const char *)) {
    char folder[PATH_MAX];
    if (snprintf(folder, sizeof folder, "%s%s", mount, group) >= (int)sizeof folder)
        return 0;
    double smallest = 0;
    size_t mount_length = strlen(mount);
    for (;;) {
        smallest = smaller_limit(smallest, limit(folder));
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < mount_length)
            return smallest;
        *slash = 0;
    }
}

/* Whether a comma-separated list names the controller. */
static bool list_has(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == 0))
            return true;
    }
    return false;
}

/* One line of /proc/self/cgroup: "hierarchy:controllers:path", without controllers for version 2. */
static double limit_of_line(const limit_kind *kind, const char *root, char *line) {
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return 0;
    *controllers++ = 0;
    *group++ = 0;
    group[strcspn(group, "\n")] = 0;
    char mount[PATH_MAX];
    if (*controllers == 0) {
        snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root);
        double limit = limit_upwards(mount, group, kind->v2);
        snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/unified", root);
        return smaller_limit(limit, limit_upwards(mount, group, kind->v2));
    }
    if (!list_has(controllers, kind->controller))
        return 0;
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/%s", root, kind->controller);
    double limit = limit_upwards(mount, group, kind->v1);
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/%s", root, controllers);
    return smaller_limit(limit, limit_upwards(mount, group, kind->v1));
}

static double find_limit(const limit_kind *kind, const char *root) {
    char path[PATH_MAX], line[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    double limit = 0;
    while (fgets(line, sizeof line, file))
        limit = smaller_limit(limit, limit_of_line(kind, root, line));
    fclose(file);
    return limit;
}

double wn_cgroup_quota(const char *root) {
    return find_limit(&quota_kind, root);
}

double wn_cgroup_memory(const char *root) {
    return find_limit(&memory_kind, root);
}
