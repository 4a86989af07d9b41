/* LSTM, GRU and plain RNN over whole windows, forwards and backwards; and the head and the loss.

   Compiled once for each kind of processor; ISA ends the names of the functions. Lanes of vectors are
   windows of a batch. A tile, V vectors of windows, goes through all bars by itself: its states stay
   in the cache. Rows are sums before an activation; four stand side by side in packed weights (a
   block): the gates of one unit of an LSTM, or four units of a plain RNN; a GRU's unit has three.

   float32 computes; float64 (DOUBLES) is for checks of gradients. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")
#define JOIN3(a, b, c) a##_##b##_##c
#define JOIN(a, b, c) JOIN3(a, b, c)
#if defined(__AVX2__)
#define BYTES 32
#else
#define BYTES 16
#endif
#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

enum { LSTM, GRU, RNN_TANH, RNN_RELU };
/* Vectors of a tile: two hide the latency of a product. */
enum { V = 2 };

/* Treat numbers near zero as zero, as the training does: they take a processor many times as long. */
INLINE unsigned flush_denormals(void) {
#if defined(__SSE2__)
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
#else
    return 0;
#endif
}

INLINE void restore_denormals(unsigned before) {
#if defined(__SSE2__)
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

#if DOUBLES
#define REAL double
#define EXP exp
#define INTEGER int64_t
#define LANES (BYTES / 8)
#define PUBLIC(x) JOIN(x, f64, ISA)
#else
#define REAL float
#define EXP expf
#define INTEGER int32_t
#define LANES (BYTES / 4)
#define PUBLIC(x) JOIN(x, f32, ISA)
#endif
/* Numbers side by side for each input, unit or row of a tile. */
#define WIDE (V * LANES)

#include "vectors.h"
#include "layout.h"
#include "steps.h"
#include "gradients.h"
#include "passes.h"
#include "outputs.h"
