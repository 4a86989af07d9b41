/* From the last state to the loss: the head, the pinball loss, and the clipping of gradients. */

typedef struct {
    const REAL *state;            /* [N, K] */
    const REAL *weight, *bias;    /* [3 * D, K] and [3 * D]: degrees of shift, left, right */
    const REAL *basis;            /* [D, steps] */
    const REAL *gain, *farthest;  /* [3] */
    REAL *out;                    /* [N, steps, 3]: farthest * tanh(gain * (free . basis)) */
    const REAL *d_out;            /* [N, steps, 3] */
    REAL *d_state;                /* [N, K]; null: not asked for */
    REAL *d_weight, *d_bias;      /* added to */
    int64_t N, K, D, steps;
} head;

EXPORT void PUBLIC(head_forward)(const head *p) {
    int64_t free = 3 * p->D;
    for (int64_t n = 0; n < p->N; n++) {
        const REAL *state = p->state + n * p->K;
        REAL *out = p->out + n * p->steps * 3;
        memset(out, 0, sizeof(REAL) * p->steps * 3);
        for (int64_t f = 0; f < free; f++) {
            const REAL *weight = p->weight + f * p->K;
            REAL sums[4] = {p->bias[f], 0, 0, 0};
            int64_t k = 0;
            for (; k + 4 <= p->K; k += 4)
                UNROLL for (int i = 0; i < 4; i++) sums[i] += weight[k + i] * state[k + i];
            for (; k < p->K; k++) sums[0] += weight[k] * state[k];
            REAL number = sums[0] + sums[1] + sums[2] + sums[3];
            const REAL *basis = p->basis + f % p->D * p->steps;
            for (int64_t h = 0; h < p->steps; h++) out[3 * h + f / p->D] += number * basis[h];
        }
    }
    int64_t all_of_it = p->N * p->steps * 3;
    for (int64_t i = 0; i < all_of_it; i += LANES) {
        vec x = {0};
        int64_t here = all_of_it - i < LANES ? all_of_it - i : LANES;
        for (int64_t j = 0; j < here; j++) x[j] = p->out[i + j] * p->gain[(i + j) % 3];
        x = bend(x);
        for (int64_t j = 0; j < here; j++) p->out[i + j] = x[j] * p->farthest[(i + j) % 3];
    }
}

EXPORT void PUBLIC(head_backward)(const head *p) {
    int64_t free = 3 * p->D;
    for (int64_t n = 0; n < p->N; n++) {
        const REAL *state = p->state + n * p->K, *out = p->out + n * p->steps * 3;
        const REAL *d_out = p->d_out + n * p->steps * 3;
        REAL *d_state = p->d_state ? p->d_state + n * p->K : 0;
        if (d_state) memset(d_state, 0, sizeof(REAL) * p->K);
        for (int64_t f = 0; f < free; f++) {
            int64_t part = f / p->D;
            const REAL *basis = p->basis + f % p->D * p->steps;
            REAL number = 0;
            for (int64_t h = 0; h < p->steps; h++) {
                REAL bent = out[3 * h + part] / p->farthest[part];
                number += d_out[3 * h + part] * (1 - bent * bent) * basis[h];
            }
            number *= p->gain[part] * p->farthest[part];
            REAL *d_weight = p->d_weight + f * p->K;
            const REAL *weight = p->weight + f * p->K;
            p->d_bias[f] += number;
            for (int64_t k = 0; k < p->K; k++) d_weight[k] += number * state[k];
            if (d_state)
                for (int64_t k = 0; k < p->K; k++) d_state[k] += number * weight[k];
        }
    }
}

typedef struct {
    const REAL *out;                 /* [N, steps, 3]: shift, left and right log scale */
    const REAL *target;              /* [T, steps]; of row n that of n % T */
    const REAL *baseline, *median;   /* [steps, Q], aligned, and [steps] */
    const REAL *levels;              /* [Q]; those beyond the count are zero */
    REAL *losses;                    /* [N] */
    REAL *slopes;                    /* [N, steps, 3]: derivatives of the losses; null: none */
    int64_t N, T, steps, Q, count;   /* Q is a multiple of LANES */
} pinball;

/* The loss of one step over its levels; sums the derivatives by the quantiles into those by shift,
   left and right. */
INLINE REAL pinball_step(const pinball *p, int64_t h, const REAL *out, REAL target, REAL *slope) {
    REAL left = EXP(out[1]), right = EXP(out[2]), median = p->median[h];
    vec loss = all(0), shift = all(0), below = all(0), above = all(0);
    for (int64_t q = 0; q < p->Q; q += LANES) {
        vec level = *(const vec *)(p->levels + q);
        vec apart = *(const vec *)(p->baseline + h * p->Q + q) - median, under = apart - relu(apart), over = relu(apart);
        vec error = target - (median + out[0] + left * under + right * over);
        bits missed = error < 0, counts = level > 0;
        vec weight = level - (vec)((bits)all(1) & missed & counts);
        loss += weight * error;
        shift -= weight;
        below -= weight * under;
        above -= weight * over;
    }
    slope[0] = sum(shift);
    slope[1] = sum(below) * left;
    slope[2] = sum(above) * right;
    return sum(loss);
}

EXPORT void PUBLIC(pinball)(const pinball *p) {
    REAL share = (REAL)1 / (REAL)(p->steps * p->count);
    for (int64_t n = 0; n < p->N; n++) {
        REAL total = 0;
        for (int64_t h = 0; h < p->steps; h++) {
            int64_t at = n * p->steps + h;
            REAL slope[3];
            total += pinball_step(p, h, p->out + 3 * at, p->target[n % p->T * p->steps + h], slope);
            if (p->slopes)
                UNROLL for (int i = 0; i < 3; i++) p->slopes[3 * at + i] = slope[i] * share;
        }
        p->losses[n] = total * share;
    }
}

/* Hold the norm of gradients, [count] arrays of the given sizes, below a limit (0: none). Returns
   [count + 3]: the norm of each, of all before and after, and whether they were held back. */
EXPORT void PUBLIC(clip)(REAL *const *gradients, const int64_t *sizes, int64_t count, double limit,
                         double members, REAL *found) {
    double total = 0;
    for (int64_t i = 0; i < count; i++) {
        double squares[4] = {0, 0, 0, 0};
        for (int64_t k = 0; k < sizes[i]; k++)
            squares[k % 4] += (double)gradients[i][k] * (double)gradients[i][k];
        double square = squares[0] + squares[1] + squares[2] + squares[3];
        found[i] = (REAL)sqrt(square);
        total += square;
    }
    double norm = sqrt(total / members);
    int held = limit > 0 && norm > limit;
    found[count] = (REAL)norm;
    found[count + 1] = (REAL)(held ? limit : norm);
    found[count + 2] = (REAL)held;
    if (!held) return;
    REAL share = (REAL)(limit / (norm + 1e-6));
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < sizes[i]; k++) gradients[i][k] *= share;
}
