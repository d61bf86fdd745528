import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

let folder = ""
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "thaw-safetensors-"))
})
afterAll(() => rm(folder, { recursive: true }))

const run = Effect.runPromise

/** A file written by hand: any header text, any data. */
const file = (header: string | Uint8Array, data: Uint8Array | number, length?: bigint): Uint8Array => {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header
  const body = typeof data === "number" ? new Uint8Array(data) : data
  const bytes = new Uint8Array(8 + text.byteLength + body.byteLength)
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.byteLength), true)
  bytes.set(text, 8)
  bytes.set(body, 8 + text.byteLength)
  return bytes
}
const entry = (dtype: string, shape: ReadonlyArray<unknown>, begin: unknown, end: unknown) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})
const problemOf = (bytes: Uint8Array) => run(Effect.flip(Safetensors.decode(bytes, "weights.safetensors")))

const samples: Safetensors.Tensors = {
  "b.weight": Tensor.float32([2, 3], [1, -2.5, 3, 4e-30, NaN, -0]),
  "a.bias": Tensor.float64([2], [1 / 3, Infinity]),
  ids: Tensor.int32([3], [1, -2, 2 ** 31 - 1]),
  long: Tensor.int64([1], [-5]),
  small: Tensor.make("uint8", [3], Uint8Array.of(0, 7, 255)),
  signed: Tensor.make("int8", [1, 1], Int8Array.of(-128)),
  unsigned: Tensor.make("uint32", [1], Uint32Array.of(2 ** 32 - 1)),
  flags: Tensor.bool([2], [true, false]),
  nothing: Tensor.float32([0, 4], []),
  number: Tensor.float32([], [7]),
  __proto__x: Tensor.float32([1], [1]),
}

describe("a safetensors file in memory", () => {
  it("gives back every type, shape, bit and the metadata", async () => {
    const { tensors, metadata } = await run(Safetensors.decode(Safetensors.encode(samples, { made: "here" })))
    expect(metadata).toEqual({ format: "pt", made: "here" })
    expect(Object.keys(tensors).sort()).toEqual(Object.keys(samples).sort())
    for (const [name, tensor] of Object.entries(samples)) expect(tensors[name], name).toEqual(tensor)
  })

  it("has the layout of the format, byte for byte", () => {
    const bytes = Safetensors.encode({ t: Tensor.float32([2], [1, 2]) })
    const header = '{"__metadata__":{"format":"pt"},"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(88n)
    expect(new TextDecoder().decode(bytes.subarray(8, 96))).toBe(header.padEnd(88, " "))
    expect([...bytes.subarray(96)]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0x40])
  })

  it("has the same bytes whatever the order of its tensors and metadata", () => {
    const shuffled = Object.fromEntries(Object.entries(samples).toReversed())
    expect(Safetensors.encode(shuffled, { b: "2", a: "1" })).toEqual(Safetensors.encode(samples, { a: "1", b: "2" }))
  })

  it("aligns every tensor to the size of its numbers", async () => {
    const { entries, dataStart } = await run(Safetensors.header(Safetensors.encode(samples)))
    const size = { F64: 8, I64: 8, F32: 4, I32: 4, U32: 4 } as Record<string, number>
    for (const { dtype, begin } of entries.values()) expect((dataStart + begin) % (size[dtype] ?? 1)).toBe(0)
  })

  it("rounds to half precision where asked, as the runtime does: to the nearest, ties to even", async () => {
    // Not yet in the language's library of types.
    const { Float16Array: Halves } = globalThis as unknown as { readonly Float16Array: typeof Float32Array }
    const exact = [...new Halves(Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits).buffer)]
    const between = exact.slice(0, 0x7c00).flatMap((value, at) => {
      const half = (value + exact[at + 1]!) / 2
      return [half, -half, Math.fround(half * (1 + 2 ** -23)), Math.fround(half * (1 - 2 ** -23))]
    })
    const values = Tensor.float32([exact.length + between.length], [...exact, ...between])
    const bytes = Safetensors.encode({ values, ids: Tensor.int32([1], [3]) }, {}, "float16")
    const entries = (await run(Safetensors.header(bytes))).entries
    expect(entries.get("values")!.dtype).toBe("F16")
    expect(entries.get("ids")!.dtype).toBe("I32")
    const { tensors } = await run(Safetensors.decode(bytes))
    expect(tensors["values"]!.data).toEqual(Float32Array.from(Halves.from(values.data)))
    expect(Safetensors.encode(tensors, {}, "float16")).toEqual(bytes)
  })

  it("widens half precision without loss", async () => {
    // Bit patterns and values from IEEE 754-2019 table 3.5 and the definition of bfloat16.
    const halves: ReadonlyArray<readonly [number, number]> = [
      [0x0000, 0],
      [0x8000, -0],
      [0x3c00, 1],
      [0xc000, -2],
      [0x7bff, 65504],
      [0x0001, 2 ** -24],
      [0x0400, 2 ** -14],
      [0x3555, 0.333251953125],
      [0x7c00, Infinity],
      [0xfc00, -Infinity],
      [0x7e00, NaN],
    ]
    const bfloats: ReadonlyArray<readonly [number, number]> = [
      [0x3f80, 1],
      [0xc0a0, -5],
      [0x7f80, Infinity],
      [0x0001, 2 ** -133],
      [0x7fc0, NaN],
    ]
    const decodeAll = async (dtype: string, pairs: ReadonlyArray<readonly [number, number]>) => {
      const raw = new Uint8Array(Uint16Array.from(pairs, ([bits]) => bits).buffer)
      const bytes = file(JSON.stringify({ x: entry(dtype, [pairs.length], 0, raw.byteLength) }), raw)
      return [...(await run(Safetensors.decode(bytes))).tensors["x"]!.data]
    }
    expect(await decodeAll("F16", halves)).toEqual(halves.map(([, value]) => value))
    expect(await decodeAll("BF16", bfloats)).toEqual(bfloats.map(([, value]) => value))
  })
})

describe("a hostile or damaged file", () => {
  const one = JSON.stringify({ x: entry("F32", [1], 0, 4) })
  it.each<[string, Uint8Array, RegExp]>([
    ["is empty", new Uint8Array(0), /expected a safetensors file of at least 8 bytes, got 0 bytes/],
    ["claims an enormous header", file(one, 4, 2n ** 63n), /header of at most 100000000 bytes/],
    ["ends within its header", file(one, 0).slice(0, 20), /expected a header of \d+ bytes, got a file of 20 bytes/],
    ["has a header that is no JSON", file("{x", 0), /header: expected JSON in UTF-8/],
    ["has a header that is no UTF-8", file(Uint8Array.of(0x22, 0xff, 0x22), 0), /header: expected JSON in UTF-8/],
    ["has a header that is an array", file("[]", 0), /expected a JSON object, got an array/],
    [
      "has an unknown type",
      file(JSON.stringify({ x: entry("F7", [1], 0, 4) }), 4),
      /tensor "x": expected one of the types F64, F32/,
    ],
    [
      "has a type named like an object's own",
      file(JSON.stringify({ x: entry("toString", [1], 0, 4) }), 4),
      /one of the types/,
    ],
    [
      "has a negative dimension",
      file(JSON.stringify({ x: entry("F32", [-1], 0, 4) }), 4),
      /tensor "x": expected dtype, shape/,
    ],
    [
      "has a fractional dimension",
      file(JSON.stringify({ x: entry("F32", [0.5, 2], 0, 4) }), 4),
      /tensor "x": expected dtype, shape/,
    ],
    [
      "has dimensions that overflow",
      file(JSON.stringify({ x: entry("F32", [2 ** 50, 2 ** 50], 0, 4) }), 4),
      /a size that can be counted/,
    ],
    [
      "has a range of another size than its shape",
      file(JSON.stringify({ x: entry("F32", [2], 0, 4) }), 4),
      /expected 8 bytes for F32 \[2\], got the range 0 to 4/,
    ],
    ["has a range beyond its end", file(one, 2), /expected a range within 2 bytes of data, got the range 0 to 4/],
    ["has a range that runs backwards", file(JSON.stringify({ x: entry("F32", [1], 4, 0) }), 4), /expected 4 bytes/],
    [
      "has overlapping tensors",
      file(JSON.stringify({ x: entry("F32", [1], 0, 4), y: entry("F32", [1], 2, 6) }), 6),
      /got 2, which overlaps/,
    ],
    [
      "has a gap",
      file(JSON.stringify({ x: entry("F32", [1], 0, 4), y: entry("F32", [1], 8, 12) }), 12),
      /got 8, which leaves a gap/,
    ],
    ["has data nobody claims", file(one, 9), /expected 4 bytes of data, as its tensors say, got 9/],
    [
      "has metadata that are no strings",
      file('{"__metadata__":{"a":1}}', 0),
      /__metadata__: expected an object of strings/,
    ],
    [
      "has an entry without offsets",
      file('{"x":{"dtype":"F32","shape":[1]}}', 4),
      /tensor "x": expected dtype, shape and data_offsets/,
    ],
  ])("that %s is refused with the place", async (_, bytes, sentence) => {
    const problem = await problemOf(bytes)
    expect(problem.message).toMatch(sentence)
    expect(problem.message).toMatch(/^weights\.safetensors/)
  })

  it("never does anything but decode or fail with that error, whatever byte is changed", async () => {
    const good = Safetensors.encode({ x: Tensor.float32([2, 2], [1, 2, 3, 4]), y: Tensor.int32([1], [5]) })
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), async (at, byte, end) => {
        const bytes = good.slice()
        bytes[at] = byte
        const result = await run(Effect.result(Safetensors.decode(bytes.subarray(0, Math.max(end, at)))))
        if (result._tag === "Failure") expect(result.failure._tag).toBe("SafetensorsBroken")
      }),
      { numRuns: 500 },
    )
  })
})

describe("a safetensors file on disk", () => {
  it("is written whole, without traces of the writing, and read back by name", async () => {
    const path = join(folder, "model.safetensors")
    await run(Safetensors.write(path, samples, { step: "3" }))
    expect(await readdir(folder)).toEqual(["model.safetensors"])
    expect(new Uint8Array(await readFile(path))).toEqual(Safetensors.encode(samples, { step: "3" }))
    const some = await run(Safetensors.read(path, ["ids", "b.weight"]))
    expect(some).toEqual({ ids: samples["ids"], "b.weight": samples["b.weight"] })
    expect(Object.keys(await run(Safetensors.read(path)))).toHaveLength(Object.keys(samples).length)
    await rm(path)
  })

  it("suggests the name that was meant", async () => {
    const path = join(folder, "names.safetensors")
    await run(Safetensors.write(path, { "encoder.weight": Tensor.float32([1], [1]) }))
    const problem = await run(Effect.flip(Safetensors.read(path, ["encoder.weights"])))
    expect(problem.message).toContain('Did you mean "encoder.weight"?')
  })

  it("that was cut short is refused when it is opened", async () => {
    const path = join(folder, "short.safetensors")
    await writeFile(path, Safetensors.encode(samples).slice(0, -3))
    expect((await run(Effect.flip(Safetensors.read(path)))).message).toContain("The file may be incomplete")
  })

  it("that is missing is an error with its path", async () => {
    const path = join(folder, "absent.safetensors")
    expect((await run(Effect.flip(Safetensors.read(path)))).message).toMatch(
      /absent\.safetensors: expected a readable file, got ENOENT/,
    )
  })

  it("leaves the old file when a new one cannot be written", async () => {
    const path = join(folder, "no-such-folder", "model.safetensors")
    expect((await run(Effect.flip(Safetensors.write(path, samples)))).message).toContain("a place that can be written")
  })
})
