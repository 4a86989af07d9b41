/* What callers pass, and how weights and states lie in memory.

   Shapes: B windows, L bars, C inputs, H hidden units; P is H rounded up to a multiple of 4. Units
   beyond H have weights of zero and stay zero. Arrays of a tile hold V vectors a number. */

/* One pass over a batch; library.py declares the same. */
typedef struct {
    const REAL *bars;                     /* [B, L, C], C contiguous */
    ptrdiff_t bars_by_window, bars_by_bar; /* strides, in numbers */
    const REAL *hidden, *cell;            /* before the first bar, [B, H]; null: zero */
    const REAL *W, *U, *b, *c;            /* as torch's: [G * H, C], [G * H, H], twice [G * H] */
    REAL *record;                         /* for the way back; null: there is none */
    REAL *outputs;                        /* [B, L, H]; null: not asked for */
    REAL *last_hidden, *last_cell;        /* [B, H] */
    const REAL *d_outputs;                /* gradients: [B, L, H]; null: zero */
    ptrdiff_t d_by_window, d_by_bar;
    const REAL *d_last_hidden, *d_last_cell; /* [B, H]; null: zero */
    REAL *d_bars;                         /* [B, L, C]; null: not asked for */
    REAL *d_hidden, *d_cell;              /* [B, H]; null: not asked for */
    REAL *d_W, *d_U, *d_b, *d_c;          /* added to */
    int64_t kind, B, L, C, H;
    int64_t first_tile, end_tile;
} pass;

/* What follows from the sizes: blocks, rows of a block, vectors that a block remembers of a bar. */
typedef struct {
    int64_t L, C, H, P, blocks, slots;
    int kind, rows;
} shape;

INLINE shape shape_of(const pass *p) {
    shape s = {p->L, p->C, p->H, (p->H + 3) / 4 * 4, 0, 4, (int)p->kind, 4};
    s.blocks = s.kind == LSTM || s.kind == GRU ? s.P : s.P / 4;
    if (s.kind == LSTM) s.slots = 6;
    if (s.kind == GRU) s.rows = 3;
    return s;
}

/* The row of torch's weights that row r of a block is; -1 where there is none. */
INLINE int64_t row_of(shape s, int64_t block, int r) {
    int gated = s.kind == LSTM || s.kind == GRU;
    int64_t unit = gated ? block : 4 * block + r;
    return unit < s.H ? (gated ? r * s.H : 0) + unit : -1;
}

/* Parts of a tile: bars [L][C], hidden states from before the first bar on [L + 1][P], the cell
   before it [P], and of each block and bar the activations [blocks][L][slots], which the way back
   replaces by the errors before them. */
typedef struct {
    vec *bars, *hidden, *cell, *record;
} tile;

INLINE int64_t tile_vectors(shape s) {
    return V * (s.L * s.C + (s.L + 2) * s.P + s.blocks * s.L * s.slots);
}

INLINE tile tile_at(shape s, vec *memory) {
    tile at;
    at.bars = memory;
    at.hidden = at.bars + V * s.L * s.C;
    at.cell = at.hidden + V * (s.L + 1) * s.P;
    at.record = at.cell + V * s.P;
    return at;
}

INLINE vec *record_at(shape s, tile at, int64_t block, int64_t t) {
    return at.record + V * s.slots * (block * s.L + t);
}

/* Memory of a thread: packed weights; errors of a bar [rows] of W and of U; the states' gradients;
   one bar's gradient; a tile where no record is asked for. */
typedef struct {
    REAL *W, *U, *bias;
    vec *errors, *errors_U, *hidden, *cell, *bar, *tile;
    void *memory;
} room;

static int furnish(room *to, shape s, int64_t tile) {
    int64_t rows = 4 * s.blocks, inputs = (s.C + 3) / 4 * 4;
    size_t vectors = (size_t)(V * (2 * rows + 2 * s.P + inputs) + tile);
    size_t numbers = (size_t)(rows * (inputs + s.P + 1));
    to->memory = malloc(vectors * sizeof(vec) + numbers * sizeof(REAL) + 64);
    if (!to->memory) return 0;
    to->errors = (vec *)(((uintptr_t)to->memory + 63) / 64 * 64);
    to->errors_U = to->errors + V * rows;
    to->hidden = to->errors_U + V * rows;
    to->cell = to->hidden + V * s.P;
    to->bar = to->cell + V * s.P;
    to->tile = to->bar + V * inputs;
    to->W = (REAL *)(to->tile + tile);
    to->U = to->W + rows * inputs;
    to->bias = to->U + rows * s.P;
    return 1;
}

/* Pack weights [G * H, from] as [blocks][to][rows], for products of rows. */
static void pack_rows(shape s, const REAL *weights, int64_t from, int64_t to, REAL *packed) {
    for (int64_t block = 0; block < s.blocks; block++)
        for (int r = 0; r < s.rows; r++) {
            int64_t row = row_of(s, block, r);
            REAL *here = packed + block * to * s.rows + r;
            for (int64_t k = 0; k < to; k++)
                here[k * s.rows] = row < 0 || k >= from ? 0 : weights[row * from + k];
        }
}

/* Pack their transpose as [columns / 4][blocks * rows][4], columns rounded up. */
static void pack_columns(shape s, const REAL *weights, int64_t columns, REAL *packed) {
    int64_t rows = s.blocks * s.rows;
    for (int64_t block = 0; block < s.blocks; block++)
        for (int r = 0; r < s.rows; r++) {
            int64_t row = row_of(s, block, r);
            REAL *here = packed + 4 * (block * s.rows + r);
            for (int64_t k = 0; k < (columns + 3) / 4 * 4; k++)
                here[k / 4 * rows * 4 + k % 4]
                    = row < 0 || k >= columns ? 0 : weights[row * columns + k];
        }
}

/* Pack biases [G * H] as [blocks][4]; a GRU's are reset, update, that of W x and that of U h. */
static void pack_bias(shape s, const REAL *b, const REAL *c, REAL *bias) {
    for (int64_t block = 0; block < s.blocks; block++)
        for (int r = 0; r < 4; r++) {
            int of_U = s.kind == GRU && r == 3, of_W = s.kind == GRU && r == 2;
            int64_t row = row_of(s, block, of_U ? 2 : r);
            bias[4 * block + r]
                = row < 0 ? 0 : (of_U ? 0 : b[row]) + (of_W ? 0 : c[row]);
        }
}

/* Gather numbers of windows [B, width] into a tile [width]; behind the last window it is repeated, so
   that nothing is computed that a window does not compute. */
static void gather(const REAL *from, ptrdiff_t stride, int64_t width, int64_t first, int64_t B,
                   vec *to) {
    for (int64_t lane = 0; lane < WIDE; lane++) {
        const REAL *numbers = from + (first + lane < B ? first + lane : B - 1) * stride;
        REAL *here = (REAL *)to + lane;
        for (int64_t k = 0; k < width; k++) here[k * WIDE] = numbers[k];
    }
}

static void scatter(const vec *from, int64_t width, int64_t first, int64_t B, REAL *to,
                    ptrdiff_t stride) {
    for (int64_t lane = 0; lane < WIDE && first + lane < B; lane++) {
        const REAL *here = (const REAL *)from + lane;
        REAL *numbers = to + (first + lane) * stride;
        for (int64_t k = 0; k < width; k++) numbers[k] = here[k * WIDE];
    }
}

/* Add numbers of windows [B, width] to a tile [width]; lanes behind the last window stay. */
static void add(const REAL *from, ptrdiff_t stride, int64_t width, int64_t first, int64_t B,
                vec *to) {
    for (int64_t lane = 0; lane < WIDE && first + lane < B; lane++) {
        const REAL *numbers = from + (first + lane) * stride;
        REAL *here = (REAL *)to + lane;
        for (int64_t k = 0; k < width; k++) here[k * WIDE] += numbers[k];
    }
}
