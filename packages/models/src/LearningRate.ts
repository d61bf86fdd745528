/**
 * The learning rate over the updates of a phase, or of several. Pure: the same update has the same rate, whatever happened
 * before. Every form is proportional to its `base`.
 */
import { Schema } from "effect"

const rate = Schema.Number.check(Schema.isGreaterThan(0))
const share = Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
/** A share of all updates that is neither none nor all of them. */
const part = Schema.Number.check(Schema.isGreaterThan(0), Schema.isLessThan(1))
const factor = Schema.Number.check(Schema.isGreaterThanOrEqualTo(1))

export const LearningRate = Schema.Union([
  Schema.TaggedStruct("constant", { base: rate }),
  /** Rises linearly over the first `warmup` (a share of all updates), then falls linearly to 0. */
  Schema.TaggedStruct("linear", { base: rate, warmup: share }),
  /** Rises linearly over the first `warmup`, then falls along half a cosine to 0. */
  Schema.TaggedStruct("cosine", { base: rate, warmup: share }),
  /** From base/divFactor to `base` at `pctStart` of all updates, then to base/divFactor/finalDivFactor, along cosines. */
  Schema.TaggedStruct("oneCycle", { base: rate, pctStart: part, divFactor: factor, finalDivFactor: factor }),
  /** Rises linearly over the first `warmup`, then falls with the square root of the updates. */
  Schema.TaggedStruct("inverseSquareRoot", { base: rate, warmup: share }),
  /** From base/ratio to `base` at `cutFraction` of all updates, then back, linearly. */
  Schema.TaggedStruct("slantedTriangular", { base: rate, cutFraction: part, ratio: factor }),
])
export type LearningRate = typeof LearningRate.Type

type Form<T extends LearningRate["_tag"]> = Omit<Extract<LearningRate, { readonly _tag: T }>, "_tag" | "base">
type Options<T extends LearningRate["_tag"]> = { readonly base: number } & Partial<Form<T>>

export const constant = (base: number): LearningRate => ({ _tag: "constant", base })

/** `warmup` 0.1 unless given. */
export const linear = (options: Options<"linear">): LearningRate => ({ _tag: "linear", warmup: 0.1, ...options })

/** `warmup` 0.1 unless given. */
export const cosine = (options: Options<"cosine">): LearningRate => ({ _tag: "cosine", warmup: 0.1, ...options })

/** Smith & Topin, arXiv 1708.07120, with PyTorch's defaults: `pctStart` 0.3, `divFactor` 25, `finalDivFactor` 10,000. */
export const oneCycle = (options: Options<"oneCycle">): LearningRate => ({
  _tag: "oneCycle",
  pctStart: 0.3,
  divFactor: 25,
  finalDivFactor: 1e4,
  ...options,
})

/** `warmup` 0.1 unless given. */
export const inverseSquareRoot = (options: Options<"inverseSquareRoot">): LearningRate => ({
  _tag: "inverseSquareRoot",
  warmup: 0.1,
  ...options,
})

/** ULMFiT's (arXiv 1801.06146, eq. 3): `cutFraction` 0.1 and `ratio` 32 unless given. */
export const slantedTriangular = (options: Options<"slantedTriangular">): LearningRate => ({
  _tag: "slantedTriangular",
  cutFraction: 0.1,
  ratio: 32,
  ...options,
})

/**
 * The rate of update `t` of `total`, t from 0. With w = ⌊warmup·total⌋ warm-up updates, below w every form that has them
 * is base·t/w; from w on, with p = (t − w)/(total − w):
 *
 *   linear              base·(1 − p)                                  transformers' get_linear_schedule_with_warmup
 *   cosine              base·½(1 + cos πp)                            transformers' get_cosine_schedule_with_warmup
 *   inverseSquareRoot   base·√(s/(t − w + s)), s = w, or 10,000 if w = 0   transformers' get_inverse_sqrt_schedule
 *   slantedTriangular   base·(1 + q·(ratio − 1))/ratio, q = t/cut below cut = ⌊cutFraction·total⌋, then 1 − (t − cut)/(total − cut)
 *   oneCycle            torch.optim.lr_scheduler.OneCycleLR (momentum is left alone)
 */
export const at = (learningRate: LearningRate, t: number, total: number): number => {
  const { base } = learningRate
  switch (learningRate._tag) {
    case "constant":
      return base
    case "linear":
      return warmed(learningRate, t, total, (_, p) => base * (1 - p))
    case "cosine":
      return warmed(learningRate, t, total, (_, p) => (base * (1 + Math.cos(Math.PI * p))) / 2)
    case "inverseSquareRoot":
      return warmed(learningRate, t, total, (w) => {
        const scale = w === 0 ? 10_000 : w
        return base * Math.sqrt(scale / (t - w + scale))
      })
    case "slantedTriangular": {
      const { cutFraction, ratio } = learningRate
      const cut = Math.floor(total * cutFraction)
      const q = t < cut ? t / cut : 1 - (t - cut) / Math.max(1, total - cut)
      return (base * (1 + q * (ratio - 1))) / ratio
    }
    case "oneCycle":
      return cycle(learningRate, t, total)
  }
}

const warmed = (
  { base, warmup }: { readonly base: number; readonly warmup: number },
  t: number,
  total: number,
  after: (warmupUpdates: number, progress: number) => number,
): number => {
  const warmupUpdates = Math.floor(warmup * total)
  return t < warmupUpdates
    ? (base * t) / warmupUpdates
    : after(warmupUpdates, (t - warmupUpdates) / Math.max(1, total - warmupUpdates))
}

/** The top is reached at pctStart·total − 1 and the bottom with the last update. */
const cycle = (
  { base, pctStart, divFactor, finalDivFactor }: Extract<LearningRate, { readonly _tag: "oneCycle" }>,
  t: number,
  total: number,
): number => {
  const top = pctStart * total - 1
  const start = base / divFactor
  const between = (from: number, to: number, p: number) => to + ((from - to) * (1 + Math.cos(Math.PI * p))) / 2
  return t <= top
    ? between(start, base, top === 0 ? 1 : t / top)
    : between(base, start / finalDivFactor, (t - top) / (total - 1 - top))
}
