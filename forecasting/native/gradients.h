/* Gradients of weights: sums over bars and windows of errors times numbers. */

/* Add those of R rows (slots of a block's record [L][slots]) and N columns of numbers [L][width]. */
INLINE void gradient(const int R, const int N, shape s, const vec *record, const int *slots,
                     const vec *numbers, int64_t width, int64_t block, int64_t columns, REAL *to) {
    vec sums[4][4];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int k = 0; k < N; k++) sums[r][k] = all(0);
    for (int64_t t = 0; t < s.L; t++)
        UNROLL for (int v = 0; v < V; v++)
            UNROLL for (int r = 0; r < R; r++) {
                vec error = record[(t * s.slots + slots[r]) * V + v];
                UNROLL for (int k = 0; k < N; k++)
                    sums[r][k] += error * numbers[(t * width + k) * V + v];
            }
    UNROLL for (int r = 0; r < R; r++) {
        int64_t row = row_of(s, block, r);
        if (row >= 0)
            UNROLL for (int k = 0; k < N; k++) to[row * columns + k] += sum(sums[r][k]);
    }
}

static void gradients_of_four(shape s, const vec *record, const vec *numbers, int64_t width,
                              int64_t block, int64_t columns, REAL *to) {
    static const int slots[4] = {0, 1, 2, 3};
    int64_t k = 0;
    for (; k + 3 <= columns; k += 3)
        gradient(4, 3, s, record, slots, numbers + k * V, width, block, columns, to + k);
    for (; k < columns; k++)
        gradient(4, 1, s, record, slots, numbers + k * V, width, block, columns, to + k);
}

/* A GRU's rows: the third is that of W x + b (slot 2) or that of U h + c (slot 3). */
static void gradients_of_three(shape s, const vec *record, int third, const vec *numbers,
                               int64_t width, int64_t block, int64_t columns, REAL *to) {
    const int slots[3] = {0, 1, third};
    int64_t k = 0;
    for (; k + 4 <= columns; k += 4)
        gradient(3, 4, s, record, slots, numbers + k * V, width, block, columns, to + k);
    for (; k < columns; k++)
        gradient(3, 1, s, record, slots, numbers + k * V, width, block, columns, to + k);
}

static void gradients_of_biases(shape s, const vec *record, int64_t block, REAL *d_b, REAL *d_c) {
    for (int r = 0; r < 4; r++) {
        vec total = all(0);
        for (int64_t t = 0; t < s.L; t++)
            UNROLL for (int v = 0; v < V; v++) total += record[(t * s.slots + r) * V + v];
        int of_U = s.kind == GRU && r == 3, of_W = s.kind == GRU && r == 2;
        int64_t row = row_of(s, block, of_U ? 2 : r);
        if (row < 0) continue;
        if (!of_U) d_b[row] += sum(total);
        if (!of_W) d_c[row] += sum(total);
    }
}

static void gradients_of_tile(shape s, const pass *p, tile at) {
    for (int64_t block = 0; block < s.blocks; block++) {
        const vec *record = record_at(s, at, block, 0);
        if (s.kind == GRU) {
            gradients_of_three(s, record, 2, at.bars, s.C, block, s.C, p->d_W);
            gradients_of_three(s, record, 3, at.hidden, s.P, block, s.H, p->d_U);
        } else {
            gradients_of_four(s, record, at.bars, s.C, block, s.C, p->d_W);
            gradients_of_four(s, record, at.hidden, s.P, block, s.H, p->d_U);
        }
        gradients_of_biases(s, record, block, p->d_b, p->d_c);
    }
}
