/**
 * Pairs of texts that share no word and mean the same: a colour and an animal, each with two names, of which the first text
 * has one and the second the other. What a held-out pair combines, no training pair does.
 */
import * as Dataset from "@thaw/core/Dataset"
import * as Encoder from "@thaw/models/Encoder"
import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import type * as PairLoss from "@thaw/models/PairLoss"
import * as Train from "@thaw/steps/Train"

const colours = [["red", "crimson"], ["blue", "azure"], ["black", "sable"], ["white", "pale"], ["green", "emerald"], ["brown", "tawny"]] as const // prettier-ignore
const animals = [["dog", "hound"], ["cat", "feline"], ["horse", "stallion"], ["pig", "boar"], ["sheep", "ram"], ["bird", "fowl"]] as const // prettier-ignore

const first = (colour: number, animal: number) => `a ${colours[colour]![0]} ${animals[animal]![0]} sits here`
const second = (colour: number, animal: number) => `${colours[colour]![1]} ${animals[animal]![1]} there`

const all = colours.flatMap((_, colour) => animals.map((__, animal) => [colour, animal] as const))
/** One combination of every colour and of every animal is held out, and one more. */
const isHeldOut = ([colour, animal]: readonly [number, number]) => (colour + animal) % 6 < 2

/** Another combination, of the same colour or of another one. */
const unlike = ([colour, animal]: readonly [number, number], at: number) =>
  at % 2 === 0 ? ([colour, (animal + 1 + (at % 4)) % 6] as const) : ([(colour + 2) % 6, animal] as const)

/** `alike` has labels, a third of them "yes"; `near` scores 1, 0.5 and 0: two, one or no name in common. */
const rowsOf = (combinations: ReadonlyArray<readonly [number, number]>, prefix: string) =>
  combinations.map((combination, at): Dataset.Example => {
    const [colour, animal] = combination
    // A combination that comes again is judged with another text.
    const turn = at + Math.floor(at / 12)
    const other = unlike(combination, turn)
    const [pair, score] =
      turn % 3 === 0
        ? [combination, 1]
        : turn % 3 === 1
          ? [other, 0.5]
          : [[(colour + 3) % 6, (animal + 3) % 6] as const, 0]
    const id = `${prefix}${at}`
    return {
      id,
      origin: id,
      text: first(colour, animal),
      pair: second(...pair),
      negative: second(...other),
      labels: { alike: score === 1 ? "yes" : "no" },
      scores: { near: score },
      tags: {},
    }
  })

/** The pairs as they belong together, with negatives. */
const right = (rows: ReadonlyArray<Dataset.Example>, combinations: ReadonlyArray<readonly [number, number]>) =>
  rows.map((row, at) => ({ ...row, pair: second(...combinations[at]!) }))

const together = all.filter((each) => !isHeldOut(each))
const heldOut = all.filter(isHeldOut)

const withoutNegative = ({ id, origin, text, pair, labels, scores, tags }: Dataset.Example): Dataset.Example => ({
  id,
  origin,
  ...(text === undefined ? {} : { text }),
  ...(pair === undefined ? {} : { pair }),
  labels,
  tags,
  ...(scores === undefined ? {} : { scores }),
})

const tasks = { labels: ["alike"], tags: [], scores: ["near"] }
const partsOf = (train: ReadonlyArray<Dataset.Example>, test: ReadonlyArray<Dataset.Example>) =>
  Dataset.parts(Dataset.examples([], tasks), { train, validation: test, test })

const repeated = Array.from({ length: 3 }, () => together).flat()

/** Every first text with the second that belongs to it. */
export const matching = partsOf(
  right(rowsOf(together, "t"), together).map(withoutNegative),
  right(rowsOf(heldOut, "h"), heldOut).map(withoutNegative),
)

/** The same, and a text that belongs to another. */
export const triplets = partsOf(
  right(rowsOf(repeated, "t"), repeated),
  right(rowsOf([...heldOut, ...heldOut], "h"), [...heldOut, ...heldOut]),
)

/** Some that belong together and some that do not, and how much. */
export const judged = partsOf(
  rowsOf(repeated, "t").map(withoutNegative),
  rowsOf([...heldOut, ...heldOut, ...heldOut], "h").map(withoutNegative),
)

/** Pairs that are all alike. */
export const allAlike = partsOf(
  rowsOf(together, "t")
    .map(withoutNegative)
    .map((row) => ({ ...row, labels: { alike: "yes" } })),
  [],
)

/** Scores from 0 to 5. */
export const scaled = partsOf(
  rowsOf(together, "t")
    .map(withoutNegative)
    .map((row) => ({ ...row, scores: { near: 5 * row.scores!["near"]! } }))
    .map((row) => (row.id === "t0" ? { ...row, scores: {} } : row)),
  [],
)

export const encoderOf = (blocks: number) =>
  Encoder.fromScratch({
    corpus: matching.train,
    vocabularySize: 200,
    blocks,
    hidden: 32,
    heads: 2,
    intermediate: 64,
    maxTokens: 24,
  })

export const encoder = encoderOf(1)

export const task = (
  loss: PairLoss.PairLoss,
  parts: typeof matching,
  pooling: "mean" | "cls" = "mean",
): Train.Task => ({ head: Head.sentenceEmbedding({ loss, pooling }), train: parts.train, validation: parts.validation })

export const trained = (given: Readonly<Record<string, Train.Task>>, overrides: Partial<Train.Options> = {}) =>
  Train.multiTask({
    encoder,
    tasks: given,
    learningRate: LearningRate.constant(5e-3),
    epochs: 30,
    ...(overrides.tokenBudget === undefined ? { batch: 12 } : {}),
    ...overrides,
  })
