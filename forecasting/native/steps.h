/* One bar of one block, forwards and backwards. */

typedef struct {
    vec at[4][V];
} rows;

/* Add weights [width][R] times numbers [width] to R rows. */
INLINE void product(const int R, rows *sums, const REAL *weights, const vec *numbers,
                    int64_t width) {
    for (int64_t k = 0; k < width; k++)
        UNROLL for (int v = 0; v < V; v++) {
            vec number = numbers[k * V + v];
            UNROLL for (int r = 0; r < R; r++) sums->at[r][v] += weights[k * R + r] * number;
        }
}

INLINE rows biased(const room *at, int64_t block) {
    rows sums;
    UNROLL for (int r = 0; r < 4; r++)
        UNROLL for (int v = 0; v < V; v++) sums.at[r][v] = all(at->bias[4 * block + r]);
    return sums;
}

/* i, f, o = gates, g = tanh; c' = f c + i g, h' = o tanh c'. Remembers i, f, g, o, c', tanh c'. */
INLINE void lstm_forward(rows sums, vec *record, const vec *held, vec *after) {
    UNROLL for (int v = 0; v < V; v++) {
        vec enter = gate(sums.at[0][v]), forget = gate(sums.at[1][v]);
        vec fresh = bend(sums.at[2][v]), leave = gate(sums.at[3][v]);
        vec cell = forget * held[v] + enter * fresh;
        vec bent = bend(cell);
        record[0 * V + v] = enter;
        record[1 * V + v] = forget;
        record[2 * V + v] = fresh;
        record[3 * V + v] = leave;
        record[4 * V + v] = cell;
        record[5 * V + v] = bent;
        after[v] = leave * bent;
    }
}

/* r, z = gates, n = tanh(W x + b + r (U h + c)); h' = (1 - z) n + z h. Remembers r, z, n, U h + c. */
INLINE void gru_forward(rows sums, rows across, vec *record, const vec *before, vec *after) {
    UNROLL for (int v = 0; v < V; v++) {
        vec reset = gate(across.at[0][v]), update = gate(across.at[1][v]);
        vec fresh = bend(sums.at[2][v] + reset * across.at[2][v]);
        record[0 * V + v] = reset;
        record[1 * V + v] = update;
        record[2 * V + v] = fresh;
        record[3 * V + v] = across.at[2][v];
        after[v] = fresh + update * (before[v] - fresh);
    }
}

INLINE void step_forward(const int kind, shape s, const room *by, tile at, int64_t t,
                         int64_t block) {
    const int R = kind == GRU ? 3 : 4;
    const vec *bar = at.bars + V * t * s.C, *before = at.hidden + V * t * s.P;
    vec *after = at.hidden + V * (t + 1) * s.P, *record = record_at(s, at, block, t);
    rows sums = biased(by, block);
    product(R, &sums, by->W + block * s.C * R, bar, s.C);
    rows across = sums;
    if (kind == GRU)
        UNROLL for (int v = 0; v < V; v++) across.at[2][v] = sums.at[3][v];
    product(R, &across, by->U + block * s.P * R, before, s.P);
    if (kind == LSTM) {
        const vec *held = t ? record_at(s, at, block, t - 1) + 4 * V : at.cell + V * block;
        lstm_forward(across, record, held, after + V * block);
    } else if (kind == GRU) {
        gru_forward(sums, across, record, before + V * block, after + V * block);
    } else {
        UNROLL for (int r = 0; r < 4; r++)
            UNROLL for (int v = 0; v < V; v++) {
                vec x = across.at[r][v];
                after[(4 * block + r) * V + v] = kind == RNN_RELU ? relu(x) : bend(x);
            }
    }
}

/* Errors before the activations, from the gradients of h' and c', which become those of c. */
INLINE void lstm_backward(vec *record, const vec *held, const vec *reach, vec *cell, vec *errors) {
    UNROLL for (int v = 0; v < V; v++) {
        vec enter = record[0 * V + v], forget = record[1 * V + v], fresh = record[2 * V + v];
        vec leave = record[3 * V + v], bent = record[5 * V + v];
        vec inside = cell[v] + reach[v] * leave * (1 - bent * bent);
        vec parts[4] = {inside * fresh * enter * (1 - enter),
                        inside * held[v] * forget * (1 - forget),
                        inside * enter * (1 - fresh * fresh),
                        reach[v] * bent * leave * (1 - leave)};
        UNROLL for (int r = 0; r < 4; r++) errors[r * V + v] = record[r * V + v] = parts[r];
        cell[v] = inside * forget;
    }
}

/* The same; reach becomes the part of the gradient of h that does not pass the sums. */
INLINE void gru_backward(vec *record, const vec *before, vec *reach, vec *errors, vec *errors_U) {
    UNROLL for (int v = 0; v < V; v++) {
        vec reset = record[0 * V + v], update = record[1 * V + v], fresh = record[2 * V + v];
        vec news = reach[v] * (1 - update) * (1 - fresh * fresh);
        vec parts[4] = {news * record[3 * V + v] * reset * (1 - reset),
                        reach[v] * (before[v] - fresh) * update * (1 - update), news,
                        news * reset};
        UNROLL for (int r = 0; r < 4; r++) record[r * V + v] = parts[r];
        UNROLL for (int r = 0; r < 3; r++) {
            errors[r * V + v] = parts[r];
            errors_U[r * V + v] = parts[r == 2 ? 3 : r];
        }
        reach[v] = reach[v] * update;
    }
}

INLINE void rnn_backward(const int kind, vec *record, const vec *after, const vec *reach,
                         vec *errors) {
    UNROLL for (int i = 0; i < 4 * V; i++) {
        vec state = after[i];
        vec part = reach[i] * (1 - state * state);
        if (kind == RNN_RELU) part = (vec)((bits)(state > 0) & (bits)reach[i]);
        errors[i] = record[i] = part;
    }
}

INLINE void step_backward(const int kind, shape s, const room *by, tile at, int64_t t,
                          int64_t block) {
    vec *record = record_at(s, at, block, t), *errors = by->errors + V * s.rows * block;
    if (kind == LSTM) {
        const vec *held = t ? record_at(s, at, block, t - 1) + 4 * V : at.cell + V * block;
        lstm_backward(record, held, by->hidden + V * block, by->cell + V * block, errors);
    } else if (kind == GRU) {
        gru_backward(record, at.hidden + V * (t * s.P + block), by->hidden + V * block, errors,
                     by->errors_U + V * s.rows * block);
    } else {
        int64_t units = 4 * V * block;
        rnn_backward(kind, record, at.hidden + V * (t + 1) * s.P + units, by->hidden + units,
                     errors);
    }
}
