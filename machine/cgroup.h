/* The limits that control groups set for this process. */
#ifndef WN_CGROUP_H
#define WN_CGROUP_H

/* CPUs' worth of time, the smallest of this process's group and all groups above it; 0 when there is no
 * limit. `root` stands before /proc and /sys: "" for this machine, a folder for tests. */
double wn_cgroup_quota(const char *root);

/* Bytes of memory, likewise. */
double wn_cgroup_memory(const char *root);

#endif
