/**
 * Runs step runs in this process, one at a time: a step that trains uses every core already. Graphs run in child
 * processes of their own.
 */
import { Runner, settle } from "@thaw/core/Runner"
import type { RunEvents } from "@thaw/core/RunEvent"
import * as Step from "@thaw/core/Step"
import type { Sessions } from "@thaw/onnx/Session"
import { Context, Effect, Layer } from "effect"
import * as SessionProcess from "./SessionProcess.ts"

/** A runner whose steps open sessions wherever `Sessions` says. */
export const runner: Layer.Layer<Runner, never, Sessions | RunEvents> = Layer.effect(
  Runner,
  Effect.gen(function* () {
    const services = yield* Effect.context<Sessions | RunEvents>()
    return Runner.of({
      concurrency: 1,
      run: ({ step, label, inputs, scratch, progress, cache }) =>
        settle(label, Context.add(services, Step.StepRun, { label, scratch, progress, cache }), () =>
          step.run(inputs),
        ).pipe(
          Effect.map((given: unknown) =>
            Step.isKind(step.output) ? { [Step.onlyOutput]: given } : (given as Readonly<Record<string, unknown>>),
          ),
        ),
      environment: (step) => settle(step.name, services, () => step.environment ?? {}),
    })
  }),
)

/** What steps may ask for here: sessions, the run's events, and the facts of their own run. */
export const layer = (options: SessionProcess.Options = {}): Layer.Layer<Runner | Sessions, never, RunEvents> =>
  runner.pipe(Layer.provideMerge(SessionProcess.layer(options)))
