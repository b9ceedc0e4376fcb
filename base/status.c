/* Making statuses. */
#include <stdarg.h>
#include <stdio.h>
#include <winnow/status.h>

wn_status wn_ok(void) {
    return (wn_status){.code = WN_OK};
}

wn_status wn_error(wn_code code, const char *format, ...) {
    wn_status status = {.code = code};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(status.message, sizeof status.message, format, arguments);
    va_end(arguments);
    for (char *c = status.message; *c; c++)
        if (*c == '\n')
            *c = ' ';
    return status;
}
