/**
 * What a run would do, and why, without doing it: reads headers, the store and the journal, runs no step.
 *
 * A step's key is known when the results of everything it needs are known. So a plan is exact down to the first step
 * that will run, and says of every later one what it waits for: if that step gives the same bytes as before, the
 * ripple stops there.
 */
import { createHash } from "node:crypto"
import { Effect } from "effect"
import { ArtifactStore } from "./ArtifactStore.ts"
import type { StepResult } from "./ArtifactStore.ts"
import * as ContentKey from "./ContentKey.ts"
import type * as Dag from "./Dag.ts"
import type { ArtifactBroken, JournalBroken, SourceUnreadable, StepFailed } from "./Errors.ts"
import * as WrittenSource from "./internal/WrittenSource.ts"
import { Journal } from "./Journal.ts"
import * as Resolve from "./Resolve.ts"
import type { Runner } from "./Runner.ts"
import * as Source from "./Source.ts"

export type Decision =
  /** An equal key has a result. `sourceChanged`: but the code of the step's `run` is not what made it. */
  | { readonly _tag: "Reuse"; readonly key: string; readonly result: StepResult; readonly sourceChanged: boolean }
  | {
      readonly _tag: "Run"
      readonly key: string
      readonly ingredients: ContentKey.Ingredients
      readonly why: string
    }
  | { readonly _tag: "Wait"; readonly why: string }

/** A decision that waits for nothing. */
export type Decided = Exclude<Decision, { _tag: "Wait" }>

export interface Plan {
  readonly dag: Dag.Dag
  readonly decisions: ReadonlyMap<Dag.Node, Decision>
}

/** How strictly a step's source counts: part of the key, or only said. */
export type CodeRule = "say" | "key"

export interface Setting extends Resolve.Setting {
  readonly pipeline: string
  /** The run that is going on: reasons are told against the runs before it. */
  readonly run?: string
  readonly code: CodeRule
}

/** Why the decision is what it is, for people. */
export const why = (decision: Decision): string =>
  decision._tag !== "Reuse"
    ? decision.why
    : decision.sourceChanged
      ? "nothing of its key changed, but its source did: raise its version, or run with --strict-code"
      : `nothing changed${reads(decision.result.ingredients)}`

/** What addresses stood for, for the end of a reason. */
const reads = ({ sources }: ContentKey.Ingredients): string => {
  const pinned = Object.values(sources).filter(Source.isPinned)
  return pinned.length === 0 ? "" : `; reads ${pinned.join(", ")}`
}

/** Hash of a step's `run` as written: what changed when somebody edits a step and forgets its version. */
export const codeHash = (node: Dag.Node): string =>
  createHash("sha256").update(WrittenSource.of(node.step.run)).digest("hex").slice(0, 16)

/** The decision for a node whose needs all have results. */
export const decide = Effect.fnUntraced(function* (
  node: Dag.Node,
  results: ReadonlyMap<Dag.Node, Resolve.References>,
  setting: Setting,
): Effect.fn.Return<
  Decided,
  ArtifactBroken | JournalBroken | SourceUnreadable | StepFailed,
  ArtifactStore | Journal | Runner
> {
  const store = yield* ArtifactStore
  const resolved = yield* Resolve.ingredients(node, results, setting)
  const ingredients =
    setting.code === "key" ? { ...resolved, environment: { ...resolved.environment, code: codeHash(node) } } : resolved
  const key = ContentKey.keyOf(ingredients)
  const result = yield* store.recall(key)
  if (result !== undefined) return reuse(node, key, result)
  const journal = yield* Journal
  const before = yield* journal.lastStepRun(setting.pipeline, node.label, setting.run)
  return { _tag: "Run", key, ingredients, why: reason(before?.ingredients, ingredients) }
})

/** The decision where the key has a result. */
export const reuse = (node: Dag.Node, key: string, result: StepResult): Decided => ({
  _tag: "Reuse",
  key,
  result,
  sourceChanged: result.code !== codeHash(node),
})

const reason = (before: ContentKey.Ingredients | undefined, now: ContentKey.Ingredients): string => {
  if (before === undefined) return `never ran in this pipeline${reads(now)}`
  const differences = ContentKey.differences(before, now)
  return differences.length === 0 ? `its result is no longer in the store${reads(now)}` : differences.join("; ")
}

/** Decisions for every node, in the Dag's order. */
export const make = Effect.fnUntraced(function* (dag: Dag.Dag, setting: Setting) {
  const results = new Map<Dag.Node, Resolve.References>()
  const decisions = new Map<Dag.Node, Decision>()
  for (const node of dag.nodes) {
    const waiting = node.needs.filter((need) => !results.has(need.from)).map((need) => need.from.label)
    const decision: Decision =
      waiting.length > 0
        ? { _tag: "Wait", why: `depends on what ${[...new Set(waiting)].join(", ")} will give` }
        : yield* decide(node, results, setting)
    decisions.set(node, decision)
    if (decision._tag === "Reuse") results.set(node, decision.result.outputs)
  }
  return { dag, decisions } satisfies Plan
})
