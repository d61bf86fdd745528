import * as Parameter from "@thaw/models/Parameter"
import * as TrainingModel from "@thaw/models/TrainingModel"
import { Sessions } from "@thaw/onnx/Session"
import * as Inference from "@thaw/steps/Inference"
import * as Validation from "@thaw/steps/training/Validation"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { configOf, examplesOf, heads as all, seed, sessionsOf } from "./boundary.ts"

const examples = examplesOf(130, "held out", 60)

interface Given {
  readonly family: "bert" | "distilbert"
  readonly tasks: ReadonlyArray<keyof typeof all>
  readonly frozen: string | undefined
  readonly hidden?: number
  readonly threads?: number
  readonly budgetBytes?: number
}

/** Scores by the whole graph, then twice over what is frozen; how often a graph of the frozen part was run. */
const answered = ({ family, tasks, frozen, hidden = 16, threads = 1, budgetBytes = 2 ** 30 }: Given) => {
  const config = configOf(family, hidden)
  const heads = Object.fromEntries(tasks.map((task) => [task, all[task]]))
  const numbers = TrainingModel.allParameters({ config, heads }).map(
    (each) => [each.name, Parameter.initialise(each, seed)] as const,
  )
  let runs = 0
  return Effect.gen(function* () {
    const device = yield* (yield* Sessions).open
    yield* device.put(Object.fromEntries(numbers))
    const checkpoint = { config, heads }
    const expected = yield* Inference.logits(yield* Inference.open(device, checkpoint, 0), examples, tasks)
    const over = yield* Validation.open({ device, checkpoint, padId: 0, frozen, budgetBytes })
    const first = yield* Inference.logits(over, examples, tasks)
    const again = yield* Inference.logits(over, examples, tasks)
    return { expected, first, again, runs }
  }).pipe(
    Effect.scoped,
    Effect.provide(sessionsOf(threads, {}, (graph) => void (runs += graph.startsWith("inference below") ? 1 : 0))),
    Effect.runPromise,
  )
}

describe("scores over a frozen bottom", () => {
  const cases: ReadonlyArray<Given> = [
    { family: "bert", tasks: ["first"], frozen: "block.1" },
    { family: "bert", tasks: ["first", "mean"], frozen: "block.1", threads: 2 },
    { family: "distilbert", tasks: ["mean"], frozen: "block.1", hidden: 128 },
    { family: "distilbert", tasks: ["first", "tags"], frozen: "block.1", hidden: 64 },
    { family: "bert", tasks: ["first", "mean", "tags"], frozen: "block.0", hidden: 128, threads: 2 },
  ]
  it.each(cases)("are those of the whole to the last bit, and the bottom is run once: %o", async (given) => {
    const { expected, first, again, runs } = await answered(given)
    expect(first).toEqual(expected)
    expect(again).toEqual(expected)
    // 130 examples are three batches.
    expect(runs).toBe(3)
  })

  it("are the same where nothing may be kept, or not everything", async () => {
    const given = { family: "bert", tasks: ["first"], frozen: "block.1" } as const
    const vectors = 16 * 4
    const nothing = await answered({ ...given, budgetBytes: 0 })
    const some = await answered({ ...given, budgetBytes: 130 * vectors - 1 })
    expect([nothing.runs, some.runs]).toEqual([0, 4])
    expect(some.again).toEqual(some.expected)
  })

  it("are those of the whole graph where the embeddings train", async () => {
    const { expected, again, runs } = await answered({ family: "bert", tasks: ["first"], frozen: undefined })
    expect(again).toEqual(expected)
    expect(runs).toBe(0)
  })
})
