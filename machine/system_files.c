/* Reading what the kernel shows as text. What it means is decided by those who ask. */
#include "system_files.h"
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_below(const char *root, const char *path) {
    char full[PATH_MAX];
    if ((size_t)snprintf(full, sizeof full, "%s%s", root, path) >= sizeof full)
        return NULL;
    return fopen(full, "re");
}

bool wn_system_line(const char *root, const char *path, char *line, size_t size) {
    line[0] = '\0';
    FILE *file = open_below(root, path);
    if (!file)
        return false;
    bool read = fgets(line, (int)size, file) != NULL;
    fclose(file);
    if (!read)
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return line[0] != '\0';
}

bool wn_system_number(const char *root, const char *path, long *number) {
    char line[64], *end;
    if (!wn_system_line(root, path, line, sizeof line))
        return false;
    long value = strtol(line, &end, 10);
    if (end == line || (*end && !isspace((unsigned char)*end)))
        return false;
    *number = value;
    return true;
}

bool wn_system_choice(const char *root, const char *path, char *choice, size_t size) {
    char line[256];
    if (!wn_system_line(root, path, line, sizeof line))
        return false;
    const char *begin = strchr(line, '['), *end = begin ? strchr(begin, ']') : NULL;
    if (!end)
        snprintf(choice, size, "%s", line);
    else
        snprintf(choice, size, "%.*s", (int)(end - begin - 1), begin + 1);
    return choice[0] != '\0';
}

bool wn_system_field(const char *root, const char *path, const char *key, char *value, size_t size) {
    FILE *file = open_below(root, path);
    char *line = NULL;
    size_t room = 0, length = strlen(key);
    bool found = false;
    while (file && !found && getline(&line, &room, file) > 0) {
        if (strncmp(line, key, length) != 0)
            continue;
        const char *colon = line + length + strspn(line + length, " \t");
        if (*colon != ':')
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(value, size, "%.*s", (int)strcspn(colon, "\n"), colon);
        found = true;
    }
    free(line);
    if (file)
        fclose(file);
    return found;
}

int wn_system_list(const char *list, int *numbers, int room) {
    int count = 0;
    const char *at = list + strspn(list, " \t");
    while (*at) {
        char *end;
        if (!isdigit((unsigned char)*at))
            return -1;
        long first = strtol(at, &end, 10), last = first;
        if (*end == '-') {
            if (!isdigit((unsigned char)end[1]))
                return -1;
            last = strtol(end + 1, &end, 10);
        }
        if (last < first || last - first >= INT_MAX / 2 || count > INT_MAX / 2)
            return -1;
        for (long n = first; n <= last && count + (n - first) < room; n++)
            numbers[count + (n - first)] = (int)n;
        count += (int)(last - first) + 1;
        if (*end == ',')
            end++;
        else if (*end)
            return -1;
        at = end;
    }
    return count;
}

int wn_system_list_count(const char *list) {
    return wn_system_list(list, NULL, 0);
}
