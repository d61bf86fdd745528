/** An ONNX file with heads, such as `export/OnnxFile` writes, as what answers examples. */
import { readFile } from "node:fs/promises"
import { ArtifactBroken } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as Head from "@thaw/models/Head"
import * as DataType from "@thaw/onnx/DataType"
import { SessionFailed } from "@thaw/onnx/Errors"
import * as ModelProto from "@thaw/onnx/ModelProto"
import { Sessions } from "@thaw/onnx/Session"
import type { Session } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import type * as Batch from "../Batch.ts"
import type * as Inference from "../Inference.ts"

const inputNames = ["input_ids", "attention_mask", "token_type_ids"] as const

/** @param outputOf the file's name of a task's logits */
export const open = Effect.fnUntraced(function* (
  file: string,
  heads: Batch.Heads,
  outputOf: (task: string) => string,
  padId: number,
) {
  const bytes = yield* Effect.tryPromise({
    try: () => readFile(file),
    catch: (cause) =>
      (cause as NodeJS.ErrnoException).code === "ENOENT"
        ? broken(file, "an ONNX file with the heads", "nothing there")
        : broken(file, "an ONNX file that can be read", String(cause)),
  })
  const inputs = yield* check(file, bytes, heads, outputOf)
  const device = yield* (yield* Sessions).open
  return {
    sessions: {},
    heads,
    padId,
    session: renamed(yield* device.session({ name: file, bytes }), file, heads, outputOf),
    inputs,
    resident: {},
    below: (_, feeds) => Effect.succeed({ feeds: widened(feeds), resident: {} }),
  } satisfies Inference.Answering
})

const broken = (where: string, expected: string, got: string) =>
  new ArtifactBroken({ where, expected, got, advice: "Export.huggingFace makes such folders." })

/** @returns names of the graph's inputs */
const check = Effect.fnUntraced(function* (
  file: string,
  bytes: Uint8Array,
  heads: Batch.Heads,
  outputOf: (task: string) => string,
): Effect.fn.Return<ReadonlySet<string>, ArtifactBroken> {
  const graph = yield* Effect.try({
    try: () => ModelProto.decode(bytes).graph,
    catch: () => broken(file, "an ONNX file", `${bytes.length} other bytes`),
  })
  if (graph === undefined) return yield* broken(file, "an ONNX file with a graph", "one without")
  // They would be looked for beside whatever happens to be the working directory.
  if (graph.initializer.some(({ externalData }) => externalData.length > 0)) {
    return yield* broken(file, "an ONNX file with its weights inside", "weights in a file of their own")
  }
  const typed = (name: string, type: (typeof graph.input)[number]["type"]) =>
    `${name}: ${type?.value.case === "tensorType" ? (DataType.fromOnnx(type.value.value.elemType) ?? "of another type") : "no tensor"}` // prettier-ignore
  const accepted = inputNames.map((name) => `${name}: int64`)
  const own = new Set(graph.initializer.map(({ name }) => name))
  const inputs = graph.input.filter(({ name }) => !own.has(name)).map(({ name, type }) => typed(name, type))
  if (!inputs.includes(accepted[0]!) || !inputs.every((each) => accepted.includes(each))) {
    return yield* broken(file, `inputs among ${accepted.join(", ")}`, inputs.join(", ") || "none")
  }
  for (const [task, head] of Object.entries(heads)) {
    const output = graph.output.find(({ name }) => name === outputOf(task))
    if (output === undefined) {
      const names = graph.output.map(({ name }) => name)
      return yield* broken(file, `an output ${JSON.stringify(outputOf(task))}`, Problem.list(names) || "none")
    }
    const shape = output.type?.value.case === "tensorType" ? (output.type.value.value.shape?.dim ?? []) : []
    const lengths = shape.map(({ value }) => value.value ?? "?").map(String)
    const last = String(Head.outputs(head))
    if (lengths.length !== rankOf(head) || lengths.at(-1) !== last) {
      const expected = rankOf(head) === 3 ? `[batch, tokens, ${last}]` : `[batch, ${last}]`
      return yield* broken(`${file}, ${outputOf(task)}`, `scores of ${head.kind === "regression" ? "one number" : `${last} labels`}, ${expected}`, `[${lengths.join(", ")}]`) // prettier-ignore
    }
  }
  return new Set(graph.input.map(({ name }) => name))
})

const rankOf = ({ kind }: Checkpoint.Head): number => (Head.traits[kind].unit === "token" ? 3 : 2)

/** Under our own names of outputs; what a graph promised of their form is held against what it gives. */
const renamed = (session: Session, file: string, heads: Batch.Heads, outputOf: (task: string) => string): Session => {
  const tasks = Object.keys(heads)
  return {
    run: Effect.fnUntraced(function* ({ feeds = {} }) {
      const given = yield* session.run({ feeds, fetch: tasks.map(outputOf) })
      const grid = feeds["input_ids"]!.shape
      const outputs: Record<string, Tensor.Tensor> = {}
      for (const task of tasks) {
        const tensor = given[outputOf(task)]!
        const shape = [...grid.slice(0, rankOf(heads[task]!) - 1), Head.outputs(heads[task]!)].join(", ")
        const got = `${tensor.dtype} [${tensor.shape.join(", ")}]`
        if (got !== `float32 [${shape}]`) {
          const where = `${file}, ${outputOf(task)}`
          return yield* new SessionFailed({ where, expected: `float32 [${shape}]`, got, advice: "" })
        }
        outputs[`logits.${task}`] = tensor
      }
      return outputs
    }),
  }
}

/** Files for other tools take int64. */
const widened = (feeds: Readonly<Record<string, Tensor.Tensor>>) =>
  Object.fromEntries(
    Object.entries(feeds).map(([name, tensor]) => [
      name,
      tensor.dtype === "int32" ? Tensor.int64(tensor.shape, tensor.data) : tensor,
    ]),
  )
