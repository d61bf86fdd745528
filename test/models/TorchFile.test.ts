import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import * as TorchFile from "@thaw/models/torch/TorchFile"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import * as fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"

const fixtures = join(import.meta.dirname, "../fixtures/torch")
const root = mkdtempSync(join(tmpdir(), "thaw-torch-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const read = (path: string) =>
  Effect.gen(function* () {
    const file = yield* TorchFile.open(path, "model.bin")
    const tensors = yield* Effect.forEach(file.names, (name) =>
      Effect.map(file.read(name), (tensor) => [name, tensor] as const),
    )
    return Object.fromEntries(tensors)
  }).pipe(Effect.scoped)

const load = (path: string) => Effect.runPromise(read(path))
const refusal = async (path: string) => (await Effect.runPromise(Effect.flip(read(path)))).message
const fixture = (name: string) => join(fixtures, name)

/** A file with these bytes. */
let files = 0
const fileOf = (bytes: Uint8Array) => {
  const path = join(root, `${files++}.bin`)
  writeFileSync(path, bytes)
  return path
}

/** A zip archive of stored entries, by the format's description and not by our code. */
const zip = (entries: Readonly<Record<string, Uint8Array>>, change: { readonly method?: number } = {}) => {
  const parts: Array<Buffer> = []
  const directory: Array<Buffer> = []
  let offset = 0
  for (const [name, bytes] of Object.entries(entries)) {
    const shared = Buffer.alloc(26)
    shared.writeUInt16LE(change.method ?? 0, 4)
    shared.writeUInt32LE(crc32(bytes), 10)
    shared.writeUInt32LE(bytes.length, 14)
    shared.writeUInt32LE(bytes.length, 18)
    shared.writeUInt16LE(name.length, 22)
    const central = Buffer.alloc(46)
    central.write("PK\x01\x02", "latin1")
    shared.copy(central, 6)
    central.writeUInt32LE(offset, 42)
    directory.push(central, Buffer.from(name))
    parts.push(Buffer.from("PK\x03\x04", "latin1"), shared, Buffer.from(name), Buffer.from(bytes))
    offset += 30 + name.length + bytes.length
  }
  const listed = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write("PK\x05\x06", "latin1")
  end.writeUInt32LE(listed.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, listed, end])
}

// The operations of a pickle that the tests write by hand.
const text = (value: string) => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(Buffer.byteLength(value))
  return Buffer.concat([Buffer.from("X"), length, Buffer.from(value)])
}
const int = (value: number) => {
  const bytes = Buffer.alloc(5)
  bytes.write("J")
  bytes.writeInt32LE(value, 1)
  return bytes
}
const named = (name: string) => Buffer.from(`c${name.split(".").slice(0, -1).join(".")}\n${name.split(".").at(-1)}\n`)
const tuple = (...items: ReadonlyArray<Buffer>) => Buffer.concat([Buffer.from("("), ...items, Buffer.from("t")])
const called = (name: string, ...items: ReadonlyArray<Buffer>) =>
  Buffer.concat([named(name), tuple(...items), Buffer.from("R")])
const dictionary = (...items: ReadonlyArray<Buffer>) => Buffer.concat([Buffer.from("}("), ...items, Buffer.from("u")])
const pickle = (...parts: ReadonlyArray<Buffer>) => Buffer.concat([Buffer.from([0x80, 2]), ...parts, Buffer.from(".")])
const storage = (elements: number, type = "torch.FloatStorage") =>
  Buffer.concat([tuple(text("storage"), named(type), text("0"), text("cpu"), int(elements)), Buffer.from("Q")])
const ints = (numbers: ReadonlyArray<number>) => tuple(...numbers.map(int))
const tensor = ({
  elements = 4,
  offset = 0,
  shape = [4],
  strides = [1],
}: {
  readonly elements?: number
  readonly offset?: number
  readonly shape?: ReadonlyArray<number>
  readonly strides?: ReadonlyArray<number>
} = {}) =>
  called(
    "torch._utils._rebuild_tensor_v2",
    storage(elements),
    int(offset),
    ints(shape),
    ints(strides),
    Buffer.from([0x89]),
    called("collections.OrderedDict"),
  )
const numbers = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)
const archive = (data: Buffer, more: Readonly<Record<string, Uint8Array>> = {}) =>
  fileOf(zip({ "archive/data.pkl": data, "archive/data/0": numbers, ...more }))

describe("a file of torch.save", () => {
  it("gives its tensors: every type, views, strides and parameters", async () => {
    const expected = JSON.parse(readFileSync(fixture("forms.json"), "utf8")) as Readonly<
      Record<string, { readonly shape: ReadonlyArray<number>; readonly numbers: ReadonlyArray<number | boolean> }>
    >
    const tensors = await load(fixture("forms.bin"))
    expect(Object.keys(tensors)).toEqual(Object.keys(expected))
    for (const [name, { shape, numbers: values }] of Object.entries(expected)) {
      expect(tensors[name]!.shape, name).toEqual(shape)
      expect(Tensor.numbers(tensors[name]!), name).toEqual(values)
    }
    expect(tensors["float16"]!.dtype).toBe("float32")
  })

  it("may be written by hand", async () => {
    expect((await load(archive(pickle(dictionary(text("w"), tensor())))))["w"]).toEqual(
      Tensor.float32([4], [1, 2, 3, 4]),
    )
  })
})

describe("a file that is no such file is refused in a sentence", () => {
  it("when it is of the format before 1.6", async () => {
    expect(await refusal(fixture("legacy.bin"))).toBe(
      "model.bin: expected a file of PyTorch 1.6 or later, which is a zip archive, got the format before, which is a bare pickle. Load it once with PyTorch and save it again, or convert it to safetensors.",
    )
  })

  it("when it is empty, a pointer, another file, or cut off", async () => {
    const whole = readFileSync(fixture("forms.bin"))
    expect(await refusal(fileOf(Buffer.alloc(0)))).toMatch(/got an empty file\./)
    expect(await refusal(fileOf(Buffer.from("version https://git-lfs.github.com/spec/v1\n")))).toMatch(
      /^model\.bin: expected weights, got a pointer to them\. Fetch the file itself/,
    )
    expect(await refusal(fileOf(Buffer.from("hello")))).toMatch(/got something else\./)
    expect(await refusal(fileOf(whole.subarray(0, 900)))).toMatch(
      /expected a zip archive with a directory at its end, got none/,
    )
    expect(await refusal(join(root, "absent"))).toMatch(/^model\.bin: expected a readable file, got ENOENT/)
  })

  it("when a byte of its numbers was changed", async () => {
    const bytes = Buffer.from(readFileSync(archive(pickle(dictionary(text("w"), tensor())))))
    bytes[bytes.indexOf(Buffer.from(numbers)) + 2]! ^= 1
    expect(await refusal(fileOf(bytes))).toMatch(
      /^model\.bin, archive\/data\/0: expected bytes with the checksum \d+, got/,
    )
  })

  it("when its archive is compressed, has an entry twice, or has no pickle", async () => {
    const data = { "archive/data.pkl": pickle(dictionary()) }
    expect(await refusal(fileOf(zip(data, { method: 8 })))).toMatch(
      /expected an entry that is stored as it is, got a compr/,
    )
    const twice = zip({ "a/data.pkl": data["archive/data.pkl"], "b/data.pkl": data["archive/data.pkl"] })
    const renamed = Buffer.from(twice.toString("latin1").replaceAll("b/data", "a/data"), "latin1")
    expect(await refusal(fileOf(renamed))).toMatch(/expected every entry once, got "a\/data\.pkl" twice/)
    expect(await refusal(fileOf(zip({ "archive/other": numbers })))).toMatch(/got a zip archive without data\.pkl/)
  })

  it("when its numbers have the other order", async () => {
    const big = archive(pickle(dictionary(text("w"), tensor())), { "archive/byteorder": Buffer.from("big") })
    expect(await refusal(big)).toMatch(/expected little-endian numbers, got "big"/)
  })
})

describe("a hostile pickle is refused by the name of what it asks for", () => {
  it("when it calls a function of Python's", async () => {
    expect(await refusal(fixture("program.bin"))).toMatch(
      /^model\.bin, data\.pkl: expected only collections\.OrderedDict, torch\._utils\._rebuild_tensor_v2, .*, got (posix|nt)\.system\. Files that hold more than tensors can run programs/,
    )
  })

  it("when it is a whole module", async () => {
    expect(await refusal(fixture("module.bin"))).toMatch(/got torch\.nn\.modules\.linear\.Linear\. Files/)
  })

  it.each([
    ["builtins.eval", called("builtins.eval", text("1"))],
    ["collections.OrderedDict.x", named("collections.OrderedDict.x")],
    ["__builtin__.getattr", named("__builtin__.getattr")],
    ["torch.load", Buffer.concat([text("torch"), text("load"), Buffer.from([0x93])])],
    ["toString.constructor", named("toString.constructor")],
    ["__proto__.__proto__", named("__proto__.__proto__")],
  ])("%s", async (name, operation) => {
    expect(await refusal(archive(pickle(dictionary(text("w"), operation))))).toContain(`got ${name}. Files`)
  })

  it("when an operation could make an object, read a file or is none", async () => {
    for (const code of [0x69, 0x6f, 0x81, 0x92, 0x82, 0x50, 0x49, 0x97, 0xff]) {
      expect(await refusal(archive(pickle(Buffer.from([code]))))).toContain(`got operation 0x${code.toString(16)}.`)
    }
  })

  it("when it calls a storage, builds on a tensor, or has another persistent id", async () => {
    expect(await refusal(archive(pickle(called("torch.FloatStorage", int(4)))))).toMatch(
      /expected torch\.FloatStorage of/,
    )
    const built = Buffer.concat([tensor(), dictionary(), Buffer.from("b")])
    expect(await refusal(archive(pickle(built)))).toMatch(
      /expected attributes of nothing but dictionaries, got those of a made/,
    )
    const id = Buffer.concat([text("anything"), Buffer.from("Q")])
    expect(await refusal(archive(pickle(id)))).toMatch(/expected persistent ids of storages, got "anything"/)
  })

  it.each([
    ["past its storage", { offset: 1 }, /expected a tensor within the 4 numbers of its storage, got \[4\] at 1/],
    ["with strides past its storage", { strides: [2] }, /within the 4 numbers/],
    ["larger than its storage", { shape: [2 ** 30, 2 ** 30], strides: [0, 0] }, /within the 4 numbers/],
    ["before its storage", { offset: -1 }, /_rebuild_tensor_v2 of what it is made of/],
    ["of a negative shape", { shape: [-4] }, /_rebuild_tensor_v2 of what it is made of/],
    ["of another rank than its strides", { strides: [1, 1] }, /_rebuild_tensor_v2 of what it is made of/],
    ["of a storage of another size", { elements: 5 }, /expected a storage of 5 numbers F32, got 16 bytes/],
  ])("when a tensor is %s", async (_, given, sentence) => {
    expect(await refusal(archive(pickle(dictionary(text("w"), tensor(given)))))).toMatch(sentence)
  })

  it("when it holds something that is no tensor", async () => {
    expect(await refusal(archive(pickle(dictionary(text("w"), tensor(), text("epoch"), int(3)))))).toMatch(
      /expected tensors by their names, got "epoch", which is no tensor\./,
    )
    expect(await refusal(archive(pickle(int(3))))).toMatch(/expected tensors by their names, got something else/)
  })

  it("when it is long", async () => {
    const many = Buffer.concat([Buffer.from("]("), Buffer.alloc(400_000, "N"), Buffer.from("e")])
    expect(await refusal(archive(pickle(many)))).toMatch(/expected tensors by their names, got something else/)
  })

  it("whatever its bytes are: in a sentence, and never otherwise", async () => {
    const whole = readFileSync(fixture("forms.bin"))
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(changes, async (places) => {
        const bytes = Buffer.from(whole)
        for (const [at, byte] of places) bytes[at] = byte
        const result = await Effect.runPromise(Effect.result(read(fileOf(bytes))))
        expect(result._tag === "Success" || result.failure._tag === "TorchFileBroken").toBe(true)
      }),
      { numRuns: 300 },
    )
    const operations = fc.uint8Array({ maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(operations, async (bytes) => {
        const result = await Effect.runPromise(Effect.result(read(archive(pickle(Buffer.from(bytes))))))
        expect(result._tag === "Success" || result.failure._tag === "TorchFileBroken").toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})
