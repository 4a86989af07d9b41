/* Vectors of REAL, LANES at a time, and the functions that gates need.

   REAL, INTEGER (as wide) and LANES are defined by cells.c.
   Vectors are those of GCC and Clang: with AVX2 a float vector is a register of 8, elsewhere of 4. */

typedef REAL vec __attribute__((vector_size(LANES * sizeof(REAL)), may_alias));
typedef INTEGER bits __attribute__((vector_size(LANES * sizeof(REAL)), may_alias));

INLINE vec all(REAL value) {
    vec zero = {0};
    return zero + value;
}

#if !DOUBLES

/* Not a number stays not a number. */
INLINE vec between(vec x, float low, float high) {
#if defined(__AVX2__)
    return (vec)_mm256_max_ps(all(low), _mm256_min_ps(all(high), x));
#else
    bits under = x < low, over = x > high;
    bits inside = ~(under | over);
    return (vec)((under & (bits)all(low)) | (over & (bits)all(high))
                     | (inside & (bits)x));
#endif
}

/* e^x by 2^n e^r, |r| <= ln 2 / 2, and a polynomial of degree 6 (least largest relative error,
   1.9e-9; with rounding below 2e-7). */
INLINE vec power(vec x) {
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number */
    x = between(x, -87.0f, 87.0f);
    vec shifted = x * 1.44269504f + shift;
    vec n = shifted - shift;
    vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
    vec y = all(0.0013836793543350629f);
    y = y * r + 0.008374857071085162f;
    y = y * r + 0.041668228691742866f;
    y = y * r + 0.16666419680496805f;
    y = y * r + 0.4999999205605877f;
    y = y * r + 1.0000000364310133f;
    y = y * r + 1.0000000005563798f;
    return (vec)((bits)y + ((bits)shifted << 23));
}

INLINE vec gate(vec x) { return 1.0f / (1.0f + power(-x)); }

/* x P(x^2) / Q(x^2) on [-9, 9] (largest relative error 2.1e-8; with rounding below 5e-7), and 1 or
   -1 beyond, as float32 rounds tanh there: 1 - y^2 has to be 0 for a state that is saturated, since
   weights that exploded would multiply an error of rounding at every bar. */
INLINE vec bend(vec x) {
    vec inner = between(x, -9.0f, 9.0f);
    vec s = inner * inner;
    vec p = all(1.3354027633685965e-08f);
    p = p * s + 2.060860285786336e-05f;
    p = p * s + 0.0034955583093695436f;
    p = p * s + 0.13381000423022846f;
    p = p * s + 0.9999999795225668f;
    vec q = all(7.776291971779453e-07f);
    q = q * s + 0.000328558647008421f;
    q = q * s + 0.025876868336733302f;
    q = q * s + 0.467143160339371f;
    q = q * s + 1.0f;
    bits beyond = s >= 81.0f;
    vec y = between(inner * p / q, -1.0f, 1.0f);
    return (vec)((beyond & (bits)between(inner, -1.0f, 1.0f)) | (~beyond & (bits)y));
}

#else /* float64 is for checks of the gradients: the C library's functions, lane by lane */

INLINE vec gate(vec x) {
    vec y;
    for (int i = 0; i < LANES; i++) y[i] = 1 / (1 + exp(-x[i]));
    return y;
}

INLINE vec bend(vec x) {
    vec y;
    for (int i = 0; i < LANES; i++) y[i] = tanh(x[i]);
    return y;
}

#endif

INLINE vec relu(vec x) {
    bits negative = x < 0;
    return (vec)(~negative & (bits)x);
}

INLINE REAL sum(vec x) {
    REAL total = 0;
    for (int i = 0; i < LANES; i++) total += x[i];
    return total;
}
