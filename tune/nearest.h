/* How alike two machines are, by their fingerprints. */
#ifndef WN_NEAREST_H
#define WN_NEAREST_H

/* 0 for equal fingerprints, larger the less a pick of one says about the other; INFINITY where it cannot be
 * used (another ISA). `field` names the first field that differs, with what is found in `other`
 * and expected of it: "threads: found 4, expected 2"; empty when there is none. */
double wn_machine_distance(const char *mine, const char *other, char field[static 96]);

#endif
