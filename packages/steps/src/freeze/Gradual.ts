/**
 * Gradual unfreezing (Howard & Ruder, ULMFiT, arXiv 1801.06146 §3.3): the heads first, then more groups from the top down,
 * since the top is the most specific and the bottom the most general.
 */
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Group from "@thaw/models/Group"
import { Schema } from "effect"
import * as Settings from "../training/Settings.ts"
import type { Phase } from "./Phase.ts"

const count = Schema.Int.check(Schema.isGreaterThan(0))
const block = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

export type Converged = typeof Settings.Converged.Type

/** When a phase counts as converged unless it is told otherwise. */
export const converged: Converged = { minDelta: 0.001, patience: 2, maxEpochs: 20 }

/** A part of a plan that becomes phases once the number of blocks is known. */
export const Gradual = Schema.TaggedStruct("gradual", {
  blocksPerPhase: count,
  /** Of every phase. */
  epochs: Schema.optionalKey(Schema.Number.check(Schema.isGreaterThan(0))),
  converged: Schema.optionalKey(Settings.Converged),
  /** The lowest block that is ever unfrozen. */
  stopAtBlock: Schema.optionalKey(block),
  embeddings: Schema.Literals(["last", "frozen"]),
  /** How many the encoder has, where the author says so. */
  blocks: Schema.optionalKey(count),
  until: Schema.optionalKey(Schema.Struct(Settings.untilFields)),
})
export type Gradual = typeof Gradual.Type

export interface Options {
  /** Groups that each phase adds; 1 unless given. */
  readonly blocksPerPhase?: number
  /** 1 unless given. */
  readonly epochsPerPhase?: number
  /** In place of a number of epochs: a phase ends when its validation score no longer improves. */
  readonly until?: "converged" | Partial<Converged>
  readonly stopAtBlock?: number
  readonly embeddings?: "last" | "frozen"
  readonly blocks?: number
}

export interface UntilOptions extends Omit<Options, "until"> {
  /** Unfreeze until the validation score is at least this. */
  readonly target?: number
  /** Unfreeze until a phase gains no more than `minDelta`. */
  readonly noGain?: true
  /** Smallest gain that counts; 0 unless given. */
  readonly minDelta?: number
  readonly metric?: string
  /** A phase ends when its validation score no longer improves, in place of a number of epochs. */
  readonly phasesUntil?: "converged" | Partial<Converged>
}

/** Throws `PipelineInvalid` when the options contradict each other. */
export const make = (options: Options): Gradual => of("Freeze.gradual", options, options.until)

/** Throws `PipelineInvalid` when the options contradict each other. */
export const until = (options: UntilOptions): Gradual => {
  const { target, noGain, minDelta, metric } = options
  if ((target === undefined) === (noGain === undefined)) {
    throw refused(
      "Freeze.unfreezeUntil",
      "one end: a target or noGain",
      target === undefined ? "none" : "both",
      "Write { target: 0.9 } or { noGain: true }.",
    )
  }
  return {
    ...of("Freeze.unfreezeUntil", options, options.phasesUntil),
    until: {
      minDelta: minDelta ?? 0,
      ...(target === undefined ? {} : { target }),
      ...(metric === undefined ? {} : { metric }),
    },
  }
}

const of = (
  where: string,
  { blocksPerPhase = 1, epochsPerPhase, stopAtBlock, embeddings, blocks }: Omit<Options, "until">,
  end: Options["until"],
): Gradual => {
  const whole = (name: string, value: number | undefined, least: number) => {
    if (value !== undefined && !(Number.isInteger(value) && value >= least)) {
      throw refused(`${where}, ${name}`, `a whole number from ${least}`, String(value))
    }
  }
  whole("blocksPerPhase", blocksPerPhase, 1)
  whole("stopAtBlock", stopAtBlock, 0)
  whole("blocks", blocks, 1)
  if (epochsPerPhase !== undefined && end !== undefined) {
    throw refused(where, "one length for its phases", "epochsPerPhase and convergence", "Leave one of them out.")
  }
  if (stopAtBlock !== undefined && embeddings === "last") {
    throw refused(
      `${where}, embeddings`,
      `"frozen", since the plan stops at block ${stopAtBlock}`,
      `"last"`,
      "Leave out stopAtBlock to unfreeze the embeddings too.",
    )
  }
  return {
    _tag: "gradual",
    blocksPerPhase,
    embeddings: embeddings ?? (stopAtBlock === undefined ? "last" : "frozen"),
    ...(end === undefined ? { epochs: epochsPerPhase ?? 1 } : {}),
    ...(end === undefined ? {} : { converged: { ...converged, ...(end === "converged" ? {} : end) } }),
    ...(stopAtBlock === undefined ? {} : { stopAtBlock }),
    ...(blocks === undefined ? {} : { blocks }),
  }
}

/**
 * The phases it stands for.
 *
 * Throws `PipelineInvalid` when the number of blocks is not known, is not what the author said, or is too small.
 */
export const phases = (plan: Gradual, forecast: number | undefined): ReadonlyArray<Phase> => {
  const where = plan.until === undefined ? "Freeze.gradual" : "Freeze.unfreezeUntil"
  const blocks = plan.blocks ?? forecast
  if (blocks === undefined) {
    throw refused(
      `${where}, blocks`,
      "how many blocks the encoder has, which is not known before the step that makes it has run",
      "nothing",
      `Write ${where}({ blocks: 6, … }).`,
    )
  }
  if (forecast !== undefined && forecast !== blocks) {
    throw refused(`${where}, blocks`, `${forecast}, as the encoder has`, String(blocks))
  }
  const { stopAtBlock = 0, blocksPerPhase, epochs, converged: end } = plan
  if (stopAtBlock >= blocks) {
    throw refused(
      `${where}, stopAtBlock`,
      `a block of the encoder, 0 to ${blocks - 1}`,
      String(stopAtBlock),
      "To train the heads only, use Freeze.backbone().",
    )
  }
  const fromTop = [
    ...Array.from({ length: blocks - stopAtBlock }, (_, at) => blocks - 1 - at).map((index) => [
      `${Group.block(index)}+`,
      "heads",
    ]),
    ...(plan.embeddings === "last" ? [["*"]] : []),
  ]
  const lowest = fromTop.filter((_, at) => (at + 1) % blocksPerPhase === 0 || at === fromTop.length - 1)
  return [["heads"], ...lowest].map((train, at) => ({
    train: train as unknown as Phase["train"],
    ...(epochs === undefined ? {} : { epochs }),
    ...(end === undefined ? {} : { converged: end }),
    ...(plan.until === undefined ? {} : { unfreezeUntil: { ...plan.until, position: at + 1 } }),
  }))
}

const refused = (where: string, expected: string, got: string, advice = "") =>
  new PipelineInvalid({ where, expected, got, advice })
