/**
 * Freeze plans: what trains, phase by phase, as plain values.
 *
 * The network is a list of groups, bottom to top: `embeddings`, `block.0` … `block.(N-1)`, then `head.<task>` side by
 * side. A phase names the groups that train by patterns; everything else is frozen. Presets are lists of phases that could
 * be written out with `Freeze.phases`; `Freeze.written` shows them.
 */
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Group from "@thaw/models/Group"
import type * as Lora from "@thaw/models/Lora"
import { Schema } from "effect"
import * as Gradual from "./freeze/Gradual.ts"
import * as Pattern from "./freeze/Pattern.ts"
import { Phase } from "./freeze/Phase.ts"

export { Phase } from "./freeze/Phase.ts"

/** Phases in order; a gradual part becomes its phases once the number of blocks is known. No phases: nothing ever trains. */
export const FreezePlan = Schema.Struct({ phases: Schema.Array(Schema.Union([Gradual.Gradual, Phase])) })
export type FreezePlan = typeof FreezePlan.Type

const single = (train: Phase["train"]): FreezePlan => ({ phases: [{ train }] })

/** Nothing trains, no update is ever made: the encoder and its new heads as they are. */
export const everything = (): FreezePlan => ({ phases: [] })

/** Full fine-tuning: everything trains. */
export const nothing = (): FreezePlan => single(["*"])

/** The encoder is a fixed feature function; only the heads train. */
export const backbone = (): FreezePlan => single(["heads"])

/** The heads of these tasks keep what they are while the encoder and other heads train. */
export const head = (...tasks: readonly [string, ...ReadonlyArray<string>]): FreezePlan =>
  only(...(tasks.map(Group.head) as [string]))

/** Blocks from `block` on and the heads train; embeddings are frozen with the bottom block. */
export const belowBlock = (block: number): FreezePlan => {
  if (!Number.isInteger(block) || block < 0) {
    throw refused("Freeze.belowBlock", "a block, counted from 0", String(block))
  }
  return single([`block.${block}+`, "heads"])
}

/** What the patterns match is frozen and nothing else: `only("embeddings", "block.0", "head.mood")`. */
export const only = (...patterns: readonly [Pattern.Pattern, ...ReadonlyArray<Pattern.Pattern>]): FreezePlan =>
  single(["*", ...patterns.map((pattern) => `!${pattern}`)])

/**
 * The encoder's weights are frozen; low-rank adapters beside `targets` of every block and the heads train. A later phase of
 * the same rank, alpha and targets trains the same adapters on; any other that moves the encoder merges them first.
 */
export const lora = (options: Partial<Lora.Settings> = {}): FreezePlan => ({
  phases: [
    {
      train: ["heads"],
      lora: { rank: 8, alpha: 16, dropout: 0, targets: ["query", "value"], ...options },
    },
  ],
})

/**
 * From the top down (ULMFiT, arXiv 1801.06146 §3.3): the heads, then `blocksPerPhase` (1) groups more in every phase, each
 * phase for `epochsPerPhase` (1) or `until` it converged, down to `stopAtBlock` or, where that is not given, to the
 * embeddings last; `embeddings: "frozen"` leaves those out.
 */
export const gradual = (options: Gradual.Options = {}): FreezePlan => ({ phases: [Gradual.make(options)] })

/**
 * Unfreezes from the top down while that helps: a phase whose validation score is no gain over the best is undone. It ends
 * when the score reaches `target`, or, with `noGain`, at the first phase that gains no more than `minDelta`.
 */
export const unfreezeUntil = (options: Gradual.UntilOptions): FreezePlan => ({ phases: [Gradual.until(options)] })

/**
 * Linear probing, then fine-tuning (Kumar et al., arXiv 2202.10054): the heads until they converged, then everything, so
 * that random heads do not distort a good encoder.
 */
export const lpft = (
  options: { readonly probe?: Partial<Gradual.Converged>; readonly epochs?: number } = {},
): FreezePlan => ({
  phases: [
    { train: ["heads"], converged: { ...Gradual.converged, ...options.probe } },
    { train: ["*"], ...(options.epochs === undefined ? {} : { epochs: options.epochs }) },
  ],
})

/** A phase, or a whole plan whose phases are to have this length. */
export type PhaseOf = Phase | { readonly freeze: FreezePlan; readonly epochs?: number }

/**
 * Phases one after the other: `phases([{ train: ["heads"], epochs: 1 }, { train: ["heads", "block.5"], tasks: ["mood"] }])`.
 * Other plans may be among them: `phases([{ freeze: backbone(), epochs: 1 }, { freeze: nothing(), epochs: 3 }])`.
 */
export const phases = (list: ReadonlyArray<PhaseOf>): FreezePlan => ({
  phases: list.flatMap((part): FreezePlan["phases"] =>
    "freeze" in part
      ? part.freeze.phases.map((phase) => (part.epochs === undefined ? phase : lasting(phase, part.epochs)))
      : [part],
  ),
})

const lasting = (part: FreezePlan["phases"][number], epochs: number): FreezePlan["phases"][number] => {
  const { converged: _, updates: __, ...phase } = part as Phase & { readonly _tag?: "gradual" }
  return { ...phase, epochs }
}

/**
 * Every phase of the plan, as it could be written in `phases`.
 *
 * Throws `PipelineInvalid` where a gradual part needs to know how many blocks the encoder has, or contradicts itself.
 *
 * @param blocks of the encoder; undefined where that is not known yet
 */
export const written = (plan: FreezePlan, blocks: number | undefined): ReadonlyArray<Phase> =>
  plan.phases.flatMap((part) => ("_tag" in part ? Gradual.phases(part, blocks) : [part]))

/**
 * Groups that the patterns match, bottom to top; see `freeze/Pattern`.
 *
 * Throws `PipelineInvalid` when a pattern matches nothing.
 */
export const groups = Pattern.groups

/** For plans, progress and messages. */
export const describe = (train: ReadonlyArray<Pattern.Pattern>): string => {
  const [first, ...others] = train
  if (first === undefined) return "everything frozen"
  const below = /^block\.(\d+)\+$/.exec(first)
  if (first === "*")
    return others.length === 0 ? "nothing frozen" : `frozen ${others.map((not) => not.slice(1)).join(", ")}`
  if (first === "heads" && others.length === 0) return "backbone frozen"
  if (below !== null && others.length === 1 && others[0] === "heads") return `frozen below block ${below[1]}`
  return `trains ${train.join(", ")}`
}

const refused = (where: string, expected: string, got: string, advice = "") =>
  new PipelineInvalid({ where, expected, got, advice })
