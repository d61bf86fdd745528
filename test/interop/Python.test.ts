/**
 * transformers and sentence-transformers load exported folders for real, where Python has them:
 * `pip install torch transformers sentence-transformers`. Elsewhere this is skipped, and only the script is compiled.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import { afterAll, expect, it } from "vitest"
import { answers, batchOf, pooled, texts } from "../steps/export/answers.ts"
import * as Checkpoints from "../steps/export/checkpoints.ts"

const script = path.join(import.meta.dirname, "compare.py")
const python = (...args: ReadonlyArray<string>) => spawnSync("python3", args, { encoding: "utf8" })
const hasPython = python("--version").status === 0
const hasLibraries = python("-c", "import torch, transformers, sentence_transformers").status === 0

const root = mkdtempSync(path.join(tmpdir(), "thaw-interop-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Nested lists of one text's numbers, padding cut off. */
const rows = (tensor: Tensor.Tensor, lengths: ReadonlyArray<number>): ReadonlyArray<unknown> => {
  const [count, ...rest] = tensor.shape as [number, ...Array<number>]
  const numbers = Tensor.numbers(tensor)
  const each = Tensor.elements(rest)
  return Array.from({ length: count }, (_, row) => {
    const own = numbers.slice(row * each, (row + 1) * each)
    if (rest.length === 1) return own
    const width = rest.at(-1)!
    return Array.from({ length: lengths[row]! }, (__, token) => own.slice(token * width, (token + 1) * width))
  })
}

/** An exported folder for every family, and what its checkpoint says. */
const written = async () => {
  const cases = await Promise.all(
    Checkpoints.families.map(async (family) => {
      const checkpoint = Checkpoints.make(family, { config: { max_position_embeddings: 64 } })
      const folder = await Effect.runPromise(Checkpoints.exported(checkpoint)).then(Checkpoints.written)
      cpSync(folder, path.join(root, family), { recursive: true })
      const { feeds, lengths } = await batchOf(checkpoint, "int32")
      const said = await answers(checkpoint)
      const ids = Tensor.numbers(feeds["input_ids"]!)
      const width = feeds["input_ids"]!.shape[1]!
      return {
        case: family,
        texts,
        ids: lengths.map((length, row) => ids.slice(row * width, row * width + length)),
        logits: Object.fromEntries(
          Object.keys(checkpoint.heads).map((task) => [task, rows(said[`logits.${task}`]!, lengths)]),
        ),
        embeddings: rows(await pooled(checkpoint), lengths),
      }
    }),
  )
  writeFileSync(path.join(root, "expected.json"), JSON.stringify(cases))
  return cases
}

it("what our checkpoints say is written as the script reads it", async () => {
  const cases = await written()
  expect(cases.map((each) => each.case)).toEqual(Checkpoints.families)
  for (const { ids, logits, embeddings } of cases) {
    expect(embeddings).toHaveLength(texts.length)
    expect(logits["topic"]!.map((row) => (row as ReadonlyArray<number>).length)).toEqual(texts.map(() => 3))
    expect(logits["entities"]!.map((row) => (row as ReadonlyArray<unknown>).length)).toEqual(ids.map((row) => row.length)) // prettier-ignore
  }
})

it.skipIf(!hasPython)("the script is sound Python", () => {
  execFileSync("python3", ["-c", `import ast; ast.parse(open(${JSON.stringify(script)}).read())`])
})

it.skipIf(!hasLibraries)(
  "transformers and sentence-transformers give the same ids, logits and embeddings",
  async () => {
    await written()
    const { status, stdout, stderr } = python(script, root)
    expect(status, `${stdout}\n${stderr}`).toBe(0)
    expect(stdout).toMatch(/^transformers \S+: 0 differ$/m)
  },
  600_000,
)
