/* Which instruction sets can be used: what the CPU has, the operating system saves and this build contains.
 */
#include <cpuid.h>
#include <stdlib.h>
#include <string.h>
#include <winnow/machine.h>

static const char *const names[WN_ISA_COUNT] = {"portable", "avx2", "avx512"};

const char *wn_isa_name(wn_isa isa) {
    return names[isa];
}

/* What the operating system saves on a context switch: XCR0, and its bits. */
enum { SAVES_SSE_AND_YMM = 0x06, SAVES_ZMM_AND_MASKS = 0xe0 };

static unsigned saved_state(void) {
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return eax;
}

static bool cpu_has_avx2(void) {
    unsigned eax, ebx, ecx, edx;
    if ((saved_state() & SAVES_SSE_AND_YMM) != SAVES_SSE_AND_YMM)
        return false;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_AVX) || !(ecx & bit_FMA))
        return false;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_AVX2);
}

static bool cpu_has_avx512(void) {
#ifdef WN_EMULATE_AVX512
    return cpu_has_avx2();
#else
    const unsigned wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    unsigned eax, ebx, ecx, edx;
    if (!cpu_has_avx2() || (saved_state() & SAVES_ZMM_AND_MASKS) != SAVES_ZMM_AND_MASKS)
        return false;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & wanted) == wanted;
#endif
}

static bool cpu_has(wn_isa isa) {
    switch (isa) {
    case WN_ISA_AVX512:
        return cpu_has_avx512();
    case WN_ISA_AVX2:
        return cpu_has_avx2();
    default:
        return true;
    }
}

static bool build_has(wn_isa isa) {
    switch (isa) {
    case WN_ISA_PORTABLE:
        return true;
#ifdef WN_HAVE_AVX2
    case WN_ISA_AVX2:
        return true;
#endif
#ifdef WN_HAVE_AVX512
    case WN_ISA_AVX512:
        return true;
#endif
    default:
        return false;
    }
}

wn_isa wn_isa_detect(void) {
    int isa = WN_ISA_COUNT - 1;
    while (isa > WN_ISA_PORTABLE && !(build_has((wn_isa)isa) && cpu_has((wn_isa)isa)))
        isa--;
    return (wn_isa)isa;
}

wn_isa wn_isa_native(void) {
    wn_isa isa = wn_isa_detect();
#ifdef WN_EMULATE_AVX512
    if (isa == WN_ISA_AVX512)
        isa = WN_ISA_AVX2;
#endif
    return isa;
}

wn_status wn_isa_select(const char *name, wn_isa *isa) {
    const char *origin = "";
    if (!name) {
        name = getenv("WINNOW_ISA");
        origin = "WINNOW_ISA: ";
        if (!name || !*name) {
            *isa = wn_isa_native();
            return wn_ok();
        }
    }
    int found = 0;
    while (found < WN_ISA_COUNT && strcmp(name, names[found]) != 0)
        found++;
    if (found == WN_ISA_COUNT)
        return wn_error(WN_ERROR_USAGE, "%sunknown ISA \"%s\": expected portable, avx2 or avx512", origin,
                        name);
    if (!build_has((wn_isa)found))
        return wn_error(WN_ERROR_UNSUPPORTED, "%sthis build has no %s kernels: its best is %s", origin, name,
                        names[wn_isa_detect()]);
    if (!cpu_has((wn_isa)found))
        return wn_error(WN_ERROR_UNSUPPORTED, "%sthis CPU has no %s: its best is %s", origin, name,
                        names[wn_isa_detect()]);
    *isa = (wn_isa)found;
    return wn_ok();
}
