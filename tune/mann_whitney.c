/* The rank sum test. */
#include "statistics.h"
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

enum { EXACT = 30 }; /* values a side */

/* How often b is above a over all pairs, ties counting half; ties of values among all m + n add t^3 - t each.
 */
static double count_above(const double *a, int m, const double *b, int n, double *ties) {
    double above = 0;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            above += a[i] < b[j] ? 1 : a[i] == b[j] ? 0.5 : 0;
    *ties = 0;
    for (int i = 0; i < m + n; i++) {
        double value = i < m ? a[i] : b[i - m], same = 0;
        for (int j = 0; j < m + n; j++)
            same += (j < m ? a[j] : b[j - m]) == value;
        *ties += same * same - 1; /* t values of t^2 - 1 */
    }
    return above;
}

/* Share of the orders of m + n distinct values in which the count is at most `limit`: the coefficients of the
 * Gaussian binomial, the product over i = 1..m of (1 - x^(n+i)) / (1 - x^i), count the orders. */
static double share_up_to(int limit, int m, int n) {
    double orders[EXACT * EXACT + 1] = {1}, below = 0, all = 0;
    const int top = m * n;
    for (int i = 1; i <= m; i++) {
        for (int u = top; u >= n + i; u--)
            orders[u] -= orders[u - n - i];
        for (int u = i; u <= top; u++)
            orders[u] += orders[u - i];
    }
    for (int u = 0; u <= top; u++) {
        all += orders[u];
        below += u <= limit ? orders[u] : 0;
    }
    return below / all;
}

double wn_mann_whitney(const double *a, int m, const double *b, int n) {
    if (m == 0 || n == 0)
        return (double)NAN;
    double ties, above = count_above(a, m, b, n, &ties), all = (double)m * n;
    double smaller = fmin(above, all - above), values = m + n;
    if (ties == 0 && m <= EXACT && n <= EXACT)
        return fmin(1, 2 * share_up_to((int)smaller, m, n));
    double variance = all / 12 * (values + 1 - ties / (values * (values - 1)));
    if (variance <= 0)
        return 1; /* all values are equal */
    return fmin(1, erfc((all / 2 - smaller - 0.5) / sqrt(2 * variance)));
}

double wn_mann_whitney_least(int m, int n) {
    double orders = 1; /* (m + n) over m */
    for (int i = 1; i <= m; i++)
        orders *= (double)(n + i) / i;
    return fmin(1, 2 / orders);
}
