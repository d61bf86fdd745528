import { zstdCompressSync } from "node:zlib"
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import * as Load from "@thaw/steps/Load"
import * as Arrow from "apache-arrow"
import { Effect } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { failure, file, outcome } from "../running.ts"
import * as Given from "./given.ts"

type Options = Omit<Parameters<typeof Load.arrow.run>[0], "path">

const load = async (content: Uint8Array, options: Options) => [
  ...Dataset.rowsOf(await outcome(Load.arrow.run({ path: file("rows.arrow", content), ...options }))),
]
const error = async (content: Uint8Array, options: Options) =>
  (await failure(Load.arrow.run({ path: file("rows.arrow", content), ...options }))).message

const utf8 = (values: ReadonlyArray<string | null>) => Arrow.vectorFromArray(values, new Arrow.Utf8())
const listsOf = new Arrow.List(new Arrow.Field("item", new Arrow.Utf8()))

const tableOf = (rows: ReadonlyArray<Given.Given>) =>
  new Arrow.Table({
    id: utf8(rows.map(({ id }) => id)),
    text: utf8(rows.map(({ text }) => text)),
    pair: utf8(rows.map(({ pair }) => pair)),
    mood: utf8(rows.map(({ labels }) => labels["mood"] ?? null)),
    emotions: Arrow.vectorFromArray(
      rows.map(({ labelSets }) => (labelSets["emotions"] as Array<string> | undefined) ?? null),
      listsOf,
    ),
    stars: Arrow.vectorFromArray(
      rows.map(({ scores }) => scores["stars"] ?? null),
      new Arrow.Float64(),
    ),
  })

const all = { text: "text", pair: "pair", label: "mood", labelSets: { emotions: "emotions" }, score: "stars", id: "id" }

describe("Load.arrow", () => {
  it("reads back any rows from files and from streams", async () => {
    await fc.assert(
      fc.asyncProperty(Given.rows, fc.constantFrom("file" as const, "stream" as const), async (rows, form) => {
        expect(await load(Arrow.tableToIPC(tableOf(rows), form), all)).toEqual(rows)
      }),
      { numRuns: 60 },
    )
  })

  it("reads what Thaw keeps as a dataset", async () => {
    const rows = ["a", "b"].map((id) => ({ id, origin: id, text: `of ${id}`, labels: { mood: id }, tags: {} }))
    const files = Effect.runSync(Artifact.write(Dataset.Examples, Dataset.examples(rows, { labels: ["mood"], tags: [] }))) // prettier-ignore
    const bytes = Effect.runSync(Artifact.readBytes(files, "data.arrow"))
    expect(await load(bytes, { text: "text", labels: { mood: "task.mood" }, id: "id" })).toEqual(rows)
  })

  it("names labels that are int64 numbers", async () => {
    const table = new Arrow.Table({
      text: utf8(["a", "b"]),
      label: Arrow.vectorFromArray([1n, 0n], new Arrow.Int64()),
    })
    const rows = await load(Arrow.tableToIPC(table), {
      text: "text",
      label: "label",
      labelNames: { label: ["n", "y"] },
    })
    expect(rows.map(({ labels }) => labels["label"])).toEqual(["y", "n"])
  })

  const table = new Arrow.Table({ text: utf8(["a", null]), mood: utf8(["x", "y"]) })
  const content = Arrow.tableToIPC(table, "file")
  const stream = Arrow.tableToIPC(table, "stream")

  it("fails typed, never with a stack, wherever the file is cut off", async () => {
    const many = new Arrow.Table({
      text: utf8(Array.from({ length: 50 }, (_, at) => `text ${at}`)),
      mood: utf8(Array.from({ length: 50 }, (_, at) => `${at % 3}`)),
    })
    const forms = { file: Arrow.tableToIPC(many, "file"), stream: Arrow.tableToIPC(many, "stream") }
    const form = fc.constantFrom("file" as const, "stream" as const)
    await fc.assert(
      fc.asyncProperty(form, fc.nat(), async (name, place) => {
        const whole = forms[name]
        const path = file("damaged.arrow", whole.subarray(0, place % whole.length))
        const result = await outcome(Load.arrow.run({ path, text: "text", label: "mood" })).then(
          () => "examples",
          (problem: { _tag: string }) => problem._tag,
        )
        // A stream may end without saying so.
        expect(name === "file" ? ["InvalidData"] : ["InvalidData", "examples"]).toContain(result)
      }),
      { numRuns: 150 },
    )
  })

  it("ends, with rows or in a sentence, whichever byte is another", async () => {
    const rows = 3
    const damaged = new Arrow.Table({
      text: utf8(Array.from({ length: rows }, (_, at) => `text ${at}`)),
      mood: Arrow.vectorFromArray(Array.from({ length: rows }, (_, at) => `${at % 2}`)),
      emotions: Arrow.vectorFromArray(
        Array.from({ length: rows }, (_, at) => ["a", `b${at}`]),
        listsOf,
      ),
    })
    for (const form of ["file", "stream"] as const) {
      const whole = Arrow.tableToIPC(damaged, form)
      for (let at = 0; at < whole.length; at++) {
        for (const mask of [0xff, 1 << (at % 8)]) {
          const bytes = whole.slice()
          bytes[at]! ^= mask
          const path = file("flipped.arrow", bytes)
          const options = { text: "text", label: "mood", labelSets: { emotions: "emotions" } }
          const found = await outcome(Load.arrow.run({ path, ...options })).then(
            Dataset.size,
            (problem: { _tag: string }) => problem._tag,
          )
          if (typeof found === "number") expect(found).toBeLessThanOrEqual(rows)
          else expect(found).toBe("InvalidData")
        }
      }
    }
  }, 60_000)

  it("reads streams as they were before version 0.15, without a mark before a message", async () => {
    const writer = new Arrow.RecordBatchStreamWriter({ writeLegacyIpcFormat: true })
    writer.writeAll(new Arrow.Table({ text: utf8(["a", "b"]) })).finish()
    const rows = await load(writer.toUint8Array(true), { text: "text" })
    expect(rows.map(({ text }) => text)).toEqual(["a", "b"])
  })

  /** As LZ4 frames have it, of one block that is not compressed; 0x82 is the check of the two bytes before it. */
  const lz4 = (bytes: Uint8Array): Uint8Array => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(2 ** 31 + bytes.length)
    return Buffer.concat([Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]), length, bytes, Buffer.alloc(4)])
  }

  it.each([
    ["LZ4", Arrow.CompressionType.LZ4_FRAME, lz4],
    ["ZSTD", Arrow.CompressionType.ZSTD, (bytes: Uint8Array) => new Uint8Array(zstdCompressSync(bytes))],
  ])("refuses files and streams that are compressed with %s, and says so", async (name, compressionType, encode) => {
    Arrow.compressionRegistry.set(compressionType, { encode })
    const long = new Arrow.Table({
      text: utf8(Array.from({ length: 100 }, () => "again and again")),
      mood: Arrow.vectorFromArray(Array.from({ length: 100 }, () => "the same")),
    })
    for (const Writer of [Arrow.RecordBatchFileWriter, Arrow.RecordBatchStreamWriter]) {
      const writer = new Writer({ compressionType })
      writer.writeAll(long).finish()
      expect(await error(writer.toUint8Array(true), { text: "text" })).toBe(
        `./rows.arrow: expected record batches without compression, got such with ${name}. Write the file anew without compression, or as Parquet.`,
      )
    }
  })

  it.each([
    ["a null text", content, { text: "text" }, './rows.arrow, row 2: expected a string in field "text", got null.'],
    ["a missing column", content, { text: "texts" }, './rows.arrow: expected a column "texts", got the columns "text", "mood". Did you mean "text"?'], // prettier-ignore
    ["other bytes", Buffer.from("text,label\na,b\n"), { text: "text" }, "./rows.arrow: expected an Arrow IPC file or stream, got"], // prettier-ignore
    ["nothing", Buffer.alloc(0), { text: "text" }, "./rows.arrow: expected an Arrow IPC file or stream, got"],
    ["a file that is cut off", content.subarray(0, content.length - 40), { text: "mood" }, "./rows.arrow: expected an Arrow IPC file or stream, got"], // prettier-ignore
    ["a stream that is cut off", stream.subarray(0, stream.length - 40), { text: "mood" }, "./rows.arrow: expected an Arrow IPC file or stream, got"], // prettier-ignore
  ])("refuses %s in a sentence with its place", async (_, bytes, options, message) => {
    expect(await error(bytes, options)).toContain(message)
  })
})
