/** Everything a pipeline runs in, in memory, and what happened there. */
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import * as Dag from "@thaw/core/Dag"
import * as Driver from "@thaw/core/Driver"
import type { ArtifactBroken } from "@thaw/core/Errors"
import * as Journal from "@thaw/core/Journal"
import type * as Pipeline from "@thaw/core/Pipeline"
import * as Plan from "@thaw/core/Plan"
import { RunEvents } from "@thaw/core/RunEvent"
import type { RunEvent } from "@thaw/core/RunEvent"
import { Runner, settle } from "@thaw/core/Runner"
import * as Step from "@thaw/core/Step"
import { Context, Effect, Layer, ManagedRuntime } from "effect"
import type { Exit } from "effect"

export interface Options {
  readonly overrides?: Dag.Overrides
  readonly seed?: number
  readonly code?: Plan.CodeRule
  readonly folder?: string
}

export const make = (
  concurrency = 4,
  environment: () => Readonly<Record<string, string>> = () => ({}),
  store: Layer.Layer<ArtifactStore.ArtifactStore, ArtifactBroken> = ArtifactStore.memory,
) => {
  const events: Array<RunEvent> = []
  const runner = Layer.succeed(Runner, {
    concurrency,
    run: ({ step, label, inputs, scratch, progress, cache }) =>
      settle(label, Context.make(Step.StepRun, { label, scratch, progress, cache }), () => step.run(inputs)).pipe(
        Effect.map((given: unknown) =>
          Step.isKind(step.output) ? { [Step.onlyOutput]: given } : (given as Readonly<Record<string, unknown>>),
        ),
      ),
    environment: (step) =>
      settle(
        step.name,
        Context.make(Step.StepRun, { label: step.name, scratch: "", progress: "", cache: "" }),
        () => step.environment ?? {},
      ).pipe(Effect.map((own) => ({ ...environment(), ...own }))),
  })
  const observer = Layer.succeed(RunEvents, { emit: (event) => Effect.sync(() => void events.push(event)) })
  const runtime = ManagedRuntime.make(Layer.mergeAll(store, Journal.memory, runner, observer))

  const settingOf = (pipeline: Pipeline.Pipeline, options: Options, run?: string): Plan.Setting => ({
    folder: options.folder ?? "/nowhere",
    seed: options.seed ?? pipeline.seed,
    pipeline: pipeline.name,
    code: options.code ?? "say",
    ...(run === undefined ? {} : { run }),
  })

  /** The driver as the command line starts it. */
  const drive = (pipeline: Pipeline.Pipeline, options: Options = {}) =>
    Effect.gen(function* () {
      const journal = yield* Journal.Journal
      const seed = options.seed ?? pipeline.seed
      const start = { pipeline: pipeline.name, file: "x.ts", seed, arguments: {}, versions: {}, machine: {} }
      const handle = yield* journal.begin(start)
      const dag = Dag.make(pipeline, options.overrides)
      const outcomes = yield* Driver.run(dag, settingOf(pipeline, options, handle.id), handle)
      yield* handle.finish("done")
      return { dag, outcomes }
    }).pipe(Effect.scoped, Effect.catchTag("JournalBroken", Effect.die))

  /** Label → "ran" or "cached", and the values of the pipeline's outputs. */
  const run = async (pipeline: Pipeline.Pipeline, options: Options = {}) => {
    const { dag, outcomes } = await runtime.runPromise(drive(pipeline, options))
    const steps = Object.fromEntries([...outcomes].map(([node, { cached }]) => [node.label, cached ? "cached" : "ran"]))
    const outputs: Record<string, unknown> = {}
    for (const [name, { node, output }] of Object.entries(dag.outputs)) {
      const reference = outcomes.get(node)!.result.outputs[output]!
      const kind = Step.outputsOf(node.step)[output]!
      outputs[name] = await runtime.runPromise(
        ArtifactStore.ArtifactStore.pipe(
          Effect.flatMap((store) => store.get(reference)),
          Effect.flatMap(kind.read),
        ),
      )
    }
    return { steps, outputs, outcomes }
  }

  return {
    events,
    run,
    exit: (pipeline: Pipeline.Pipeline, options: Options = {}) =>
      runtime.runPromise(Effect.exit(drive(pipeline, options))),
    failure: (pipeline: Pipeline.Pipeline, options: Options = {}) =>
      runtime.runPromise(Effect.flip(drive(pipeline, options))),
    /** Runs until `until` resolves, then interrupts as Ctrl-C does. */
    interrupted: async (pipeline: Pipeline.Pipeline, until: Promise<void>) => {
      const fiber = runtime.runFork(drive(pipeline))
      await until
      fiber.interruptUnsafe()
      return new Promise<Exit.Exit<unknown, unknown>>((done) => fiber.addObserver(done))
    },
    /** Label → what the plan says of the step. */
    plan: async (pipeline: Pipeline.Pipeline, options: Options = {}) => {
      const { decisions } = await runtime.runPromise(
        Plan.make(Dag.make(pipeline, options.overrides), settingOf(pipeline, options)),
      )
      return Object.fromEntries(
        [...decisions].map(([node, decision]) => [node.label, `${decision._tag}: ${Plan.why(decision)}`]),
      )
    },
    noticed: () => events.flatMap((event) => (event._tag === "noticed" ? [`${event.step}: ${event.message}`] : [])),
  }
}
