/** From a file and arguments to a plan: what `plan` and `why` show, and what `run` begins with. */
import * as Dag from "@thaw/core/Dag"
import type { PipelineInvalid, SourceUnreadable } from "@thaw/core/Errors"
import * as Plan from "@thaw/core/Plan"
import * as Resolve from "@thaw/core/Resolve"
import type { PlannedStep } from "@thaw/core/RunEvent"
import { Effect } from "effect"
import type { Arguments } from "./Arguments.ts"
import type { Loaded } from "./PipelineFile.ts"

export interface Prepared {
  readonly dag: Dag.Dag
  readonly setting: Plan.Setting
}

/**
 * Checks the wiring, the overrides and what is to train when; runs nothing, and reads configs of encoders at most. What
 * the cache of the hub does not know of an address is asked for.
 */
export const prepare = Effect.fnUntraced(function* (
  loaded: Loaded,
  given: Arguments,
): Effect.fn.Return<Prepared, PipelineInvalid | SourceUnreadable> {
  yield* Resolve.ahead(loaded.pipeline)
  const Timeline = yield* Effect.promise(() => import("@thaw/steps/Timeline"))
  return yield* Effect.try({
    try: () => {
      const dag = Dag.make(loaded.pipeline, given.overrides, loaded.folder)
      Timeline.check(dag)
      const setting = {
        folder: loaded.folder,
        seed: given.seed ?? loaded.pipeline.seed,
        pipeline: loaded.pipeline.name,
        code: given.code,
      }
      return { dag, setting }
    },
    catch: (cause) => {
      if ((cause as { _tag?: unknown } | null)?._tag === "PipelineInvalid") return cause as PipelineInvalid
      throw cause
    },
  })
})

/** The plan as events and tables tell it. */
export const steps = (plan: Plan.Plan): ReadonlyArray<typeof PlannedStep.Type> =>
  plan.dag.nodes.map((node) => {
    const decision = plan.decisions.get(node)!
    return {
      step: node.label,
      cached: decision._tag === "Reuse" ? true : decision._tag === "Run" ? false : null,
      why: Plan.why(decision),
    }
  })
