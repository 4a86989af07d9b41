/* The passes over all bars, and what the library offers. */

INLINE void forward_tile(const int kind, const pass *p, shape s, const room *by, tile at,
                         int64_t first) {
    for (int64_t t = 0; t < s.L; t++)
        gather(p->bars + t * p->bars_by_bar, p->bars_by_window, s.C, first, p->B,
               at.bars + V * t * s.C);
    memset(at.hidden, 0, sizeof(REAL) * s.P * WIDE);
    memset(at.cell, 0, sizeof(REAL) * s.P * WIDE);
    if (p->hidden) gather(p->hidden, s.H, s.H, first, p->B, at.hidden);
    if (p->cell) gather(p->cell, s.H, s.H, first, p->B, at.cell);
    for (int64_t t = 0; t < s.L; t++) {
        for (int64_t block = 0; block < s.blocks; block++)
            step_forward(kind, s, by, at, t, block);
        if (p->outputs)
            scatter(at.hidden + V * (t + 1) * s.P, s.H, first, p->B, p->outputs + t * s.H,
                    s.L * s.H);
    }
    scatter(at.hidden + V * s.L * s.P, s.H, first, p->B, p->last_hidden, s.H);
    if (kind != LSTM) return;
    for (int64_t unit = 0; unit < s.P; unit++)
        memcpy(by->cell + V * unit, record_at(s, at, unit, s.L - 1) + 4 * V, sizeof(REAL) * WIDE);
    scatter(by->cell, s.H, first, p->B, p->last_cell, s.H);
}

/* Turn errors of a bar, all rows, into gradients of four units or inputs, column by column. */
INLINE void across(shape s, const REAL *weights, const vec *errors, int64_t columns, int keep,
                   vec *to) {
    int64_t count = s.blocks * s.rows;
    for (int64_t k = 0; k < columns; k += 4) {
        rows sums;
        UNROLL for (int r = 0; r < 4; r++)
            UNROLL for (int v = 0; v < V; v++) sums.at[r][v] = keep ? to[(k + r) * V + v] : all(0);
        product(4, &sums, weights + k * count, errors, count);
        UNROLL for (int r = 0; r < 4; r++)
            UNROLL for (int v = 0; v < V; v++) to[(k + r) * V + v] = sums.at[r][v];
    }
}

INLINE void backward_tile(const int kind, const pass *p, shape s, const room *by, tile at,
                          int64_t first) {
    memset(by->hidden, 0, sizeof(REAL) * s.P * WIDE);
    memset(by->cell, 0, sizeof(REAL) * s.P * WIDE);
    if (p->d_last_hidden) add(p->d_last_hidden, s.H, s.H, first, p->B, by->hidden);
    if (p->d_last_cell) add(p->d_last_cell, s.H, s.H, first, p->B, by->cell);
    for (int64_t t = s.L - 1; t >= 0; t--) {
        if (p->d_outputs)
            add(p->d_outputs + t * p->d_by_bar, p->d_by_window, s.H, first, p->B, by->hidden);
        for (int64_t block = 0; block < s.blocks; block++)
            step_backward(kind, s, by, at, t, block);
        across(s, by->U, kind == GRU ? by->errors_U : by->errors, s.P, kind == GRU, by->hidden);
        if (p->d_bars) {
            across(s, by->W, by->errors, s.C, 0, by->bar);
            scatter(by->bar, s.C, first, p->B, p->d_bars + t * s.C, s.L * s.C);
        }
    }
    if (p->d_hidden) scatter(by->hidden, s.H, first, p->B, p->d_hidden, s.H);
    if (p->d_cell) scatter(by->cell, s.H, first, p->B, p->d_cell, s.H);
    gradients_of_tile(s, p, at);
}

INLINE void run_kind(const int kind, const int back, const pass *p, shape s, const room *by) {
    for (int64_t number = p->first_tile; number < p->end_tile; number++) {
        vec *memory = p->record ? (vec *)p->record + number * tile_vectors(s) : by->tile;
        tile at = tile_at(s, memory);
        if (back) backward_tile(kind, p, s, by, at, number * WIDE);
        else forward_tile(kind, p, s, by, at, number * WIDE);
    }
}

INLINE void run(const int back, const pass *p, shape s, const room *by) {
    switch (s.kind) {
    case LSTM: run_kind(LSTM, back, p, s, by); break;
    case GRU: run_kind(GRU, back, p, s, by); break;
    case RNN_TANH: run_kind(RNN_TANH, back, p, s, by); break;
    default: run_kind(RNN_RELU, back, p, s, by);
    }
}

/* Run tiles first_tile up to end_tile; return 0, or 1 where there is no memory. */
EXPORT int PUBLIC(forward)(const pass *p) {
    shape s = shape_of(p);
    room by;
    if (!furnish(&by, s, p->record ? 0 : tile_vectors(s))) return 1;
    unsigned before = flush_denormals();
    pack_rows(s, p->W, s.C, s.C, by.W);
    pack_rows(s, p->U, s.H, s.P, by.U);
    pack_bias(s, p->b, p->c, by.bias);
    run(0, p, s, &by);
    restore_denormals(before);
    free(by.memory);
    return 0;
}

/* The way back after a forward pass with a record, which it uses up. */
EXPORT int PUBLIC(backward)(const pass *p) {
    shape s = shape_of(p);
    room by;
    if (!furnish(&by, s, 0)) return 1;
    unsigned before = flush_denormals();
    pack_columns(s, p->U, s.H, by.U);
    if (p->d_bars) pack_columns(s, p->W, s.C, by.W);
    run(1, p, s, &by);
    restore_denormals(before);
    free(by.memory);
    return 0;
}

/* Windows of a tile. */
EXPORT int64_t PUBLIC(tile_width)(void) { return WIDE; }

/* Numbers that a tile's record takes. */
EXPORT int64_t PUBLIC(tile_size)(const pass *p) { return tile_vectors(shape_of(p)) * LANES; }

/* Map numbers, a whole count of vectors, to gate(x) and tanh(x): for tests of their errors. */
EXPORT void PUBLIC(activations)(const REAL *x, int64_t count, REAL *gates, REAL *bent) {
    for (int64_t i = 0; i + LANES <= count; i += LANES) {
        vec number, y;
        memcpy(&number, x + i, sizeof number);
        y = gate(number);
        memcpy(gates + i, &y, sizeof y);
        y = bend(number);
        memcpy(bent + i, &y, sizeof y);
    }
}
