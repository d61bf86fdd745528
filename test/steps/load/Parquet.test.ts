import * as Dataset from "@thaw/core/Dataset"
import * as Load from "@thaw/steps/Load"
import fc from "fast-check"
import { parquetWriteBuffer } from "hyparquet-writer"
import { describe, expect, it } from "vitest"
import { failure, file, outcome } from "../running.ts"
import * as Given from "./given.ts"

type Options = Omit<Parameters<typeof Load.parquet.run>[0], "path">
type Write = Parameters<typeof parquetWriteBuffer>[0]

const written = (columnData: Write["columnData"], more: Omit<Write, "columnData"> = {}) =>
  Buffer.from(parquetWriteBuffer({ columnData, ...more }))

const load = async (content: Uint8Array, options: Options) => [
  ...Dataset.rowsOf(await outcome(Load.parquet.run({ path: file("rows.parquet", content), ...options }))),
]
const error = async (content: Uint8Array, options: Options) =>
  (await failure(Load.parquet.run({ path: file("rows.parquet", content), ...options }))).message

describe("Load.parquet", () => {
  it("reads back any rows with text, pair, label, label sets and scores, whatever the row groups and the codec", async () => {
    await fc.assert(
      fc.asyncProperty(
        Given.rows,
        fc.constantFrom("SNAPPY" as const, "UNCOMPRESSED" as const),
        fc.constantFrom(1, 2, 100),
        async (rows, codec, rowGroupSize) => {
          const content = written(
            [
              { name: "id", data: rows.map(({ id }) => id), type: "STRING" },
              { name: "text", data: rows.map(({ text }) => text), type: "STRING" },
              { name: "pair", data: rows.map(({ pair }) => pair), type: "STRING" },
              { name: "mood", data: rows.map(({ labels }) => labels["mood"] ?? null), type: "STRING", nullable: true },
              {
                name: "stars",
                data: rows.map(({ scores }) => scores["stars"] ?? null),
                type: "DOUBLE",
                nullable: true,
              },
            ],
            { codec, rowGroupSize },
          )
          const found = await load(content, { text: "text", pair: "pair", label: "mood", score: "stars", id: "id" })
          expect(found).toEqual(
            rows.map(({ id, origin, text, pair, labels, tags, scores }) => ({
              id,
              origin,
              text,
              pair,
              labels,
              tags,
              scores,
            })),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  it("names labels that are int64 numbers by the metadata of Hugging Face's datasets", async () => {
    const feature = { names: ["negative", "positive"], _type: "ClassLabel" }
    const content = written(
      [
        { name: "text", data: ["a", "b", "c"], type: "STRING" },
        { name: "label", data: [1n, 0n, -1n], type: "INT64" },
      ],
      { kvMetadata: [{ key: "huggingface", value: JSON.stringify({ info: { features: { label: feature } } }) }] },
    )
    const rows = await load(content, { text: "text", label: "label" })
    expect(rows.map(({ labels }) => labels["label"])).toEqual(["positive", "negative", undefined])
    const renamed = await load(content, { text: "text", label: "label", labelNames: { label: ["no", "yes"] } })
    expect(renamed.map(({ labels }) => labels["label"])).toEqual(["yes", "no", undefined])
    expect(await error(content, { text: "text", label: "label", labelNames: { label: ["no"] } })).toBe(
      './rows.parquet, row 1: expected one of 1 labels in field "label", got 1n.',
    )
  })

  it("takes numbers without names in their text form, beyond 2^53 too", async () => {
    const content = written([
      { name: "text", data: ["a"], type: "STRING" },
      { name: "label", data: [9_007_199_254_740_993n], type: "INT64" },
    ])
    const [row] = await load(content, { text: "text", label: "label" })
    expect(row!.labels).toEqual({ label: "9007199254740993" })
  })

  it("fails typed, never with a stack, wherever the file is cut off or damaged", async () => {
    const whole = written([
      { name: "text", data: Array.from({ length: 50 }, (_, at) => `text ${at}`), type: "STRING" },
      { name: "label", data: Array.from({ length: 50 }, (_, at) => BigInt(at % 3)), type: "INT64" },
    ])
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), async (at, byte, isCut) => {
        const damaged = Buffer.from(whole.subarray(0, isCut ? at : whole.length))
        if (!isCut) damaged[at] = byte
        const path = file("damaged.parquet", damaged)
        const result = await outcome(Load.parquet.run({ path, text: "text", label: "label" })).then(
          () => "examples",
          (problem: { _tag: string }) => problem._tag,
        )
        expect(["examples", "InvalidData"]).toContain(result)
        if (isCut) expect(result).toBe("InvalidData")
      }),
      { numRuns: 150 },
    )
  })

  const content = written([
    { name: "text", data: ["a", null], type: "STRING", nullable: true },
    { name: "label", data: ["x", "y"], type: "STRING" },
  ])

  it.each([
    ["a null text", content, { text: "text" }, './rows.parquet, row 2: expected a string in field "text", got null.'],
    [
      "a missing column",
      content,
      { text: "text", label: "labels" },
      './rows.parquet: expected a column "labels", got the columns "text", "label". Did you mean "label"?',
    ],
    [
      "a score that is no number",
      written([
        { name: "text", data: ["a", "b"], type: "STRING" },
        { name: "stars", data: [4.5, Number.NaN], type: "DOUBLE" },
      ]),
      { text: "text", score: "stars" },
      './rows.parquet, row 2: expected a number in field "stars", got NaN. Leave the field empty where there is none.',
    ],
    [
      "a score beyond all numbers",
      written([
        { name: "text", data: ["a"], type: "STRING" },
        { name: "stars", data: [-Infinity], type: "DOUBLE" },
      ]),
      { text: "text", score: "stars" },
      './rows.parquet, row 1: expected a number in field "stars", got -Infinity.',
    ],
    ["other bytes", Buffer.from("text,label\na,b\n"), { text: "text" }, "./rows.parquet: expected a Parquet file, got what cannot be decoded ("], // prettier-ignore
    ["nothing", Buffer.alloc(0), { text: "text" }, "./rows.parquet: expected a Parquet file, got what cannot be decoded ("], // prettier-ignore
    ["an end that is cut off", content.subarray(0, content.length - 20), { text: "text" }, "./rows.parquet: expected a Parquet file, got"], // prettier-ignore
    [
      "pages that are cut out",
      Buffer.concat([content.subarray(0, 4), content.subarray(40)]),
      { text: "text" },
      "./rows.parquet: expected ",
    ],
  ])("refuses %s in a sentence with its place", async (_, bytes, options, message) => {
    expect(await error(bytes, options)).toContain(message)
  })
})
