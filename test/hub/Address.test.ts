import * as Address from "@thaw/hub/Address"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

const refusal = (text: string): string => {
  try {
    return JSON.stringify(Address.parse(text))
  } catch (cause) {
    return (cause as Error).message
  }
}

describe("an address", () => {
  it.each([
    ["hf://datasets/acme/moods", { kind: "dataset", name: "acme/moods", revision: "main" }],
    ["hf://datasets/acme/moods@v1.0", { kind: "dataset", name: "acme/moods", revision: "v1.0" }],
    ["hf://datasets/a/b@refs/convert/parquet", { kind: "dataset", name: "a/b", revision: "refs/convert/parquet" }],
    ["hf://acme/tiny-bert@main", { kind: "model", name: "acme/tiny-bert", revision: "main" }],
    ["hf://models/acme/tiny-bert", { kind: "model", name: "acme/tiny-bert", revision: "main" }],
    ["hf://bert-base-uncased", { kind: "model", name: "bert-base-uncased", revision: "main" }],
    ["hf://datasets/imdb@0123abc", { kind: "dataset", name: "imdb", revision: "0123abc" }],
  ])("%s is read", (text, expected) => {
    expect(Address.parse(text)).toEqual(expected)
    expect(Address.parse(Address.written(Address.parse(text)))).toEqual(expected)
  })

  it.each([
    ["https://huggingface.co/a/b", /^"https:\/\/huggingface\.co\/a\/b": expected hf:\/\/datasets\/<owner>\/<name>@<revision> or hf:\/\/<owner>\/<name>@<revision>, got "https:\/\/huggingface\.co\/a\/b"\.$/],
    ["hf://datasets/a/b/c", /What stands behind hf:\/\/datasets\/ is owner\/name\.$/],
    ["hf://datasets/../etc", /expected an owner and a name of letters, digits and single '-', '_' and '\.', got "\.\.\/etc"/],
    ["hf://a/b--c", /got "a\/b--c"/],
    ["hf://a/b@", /expected a branch, a tag or a commit after the @, got ""/],
    ["hf://a/b@../../x", /got "\.\.\/\.\.\/x"/],
    ["hf://a/b@/x", /got "\/x"/],
    ["hf://a/b@x\ny", /got "x\\ny"/],
    ["hf://", /expected hf:/],
  ])("%s is refused", (text, sentence) => {
    expect(refusal(text)).toMatch(sentence)
  }) // prettier-ignore

  it("never names a place outside its folder", () => {
    const segment = fc.constantFrom("a", "..", ".", "", "-", "x.y", "b--c", "@", "/", "\\", "\0", "refs", "hf:")
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 8 }), fc.constantFrom("hf://", "hf://datasets/"), (parts, form) => {
        try {
          const { name, revision } = Address.parse(form + parts.join("/"))
          for (const part of [...name.split("/"), ...revision.split("/")]) {
            expect(part).not.toMatch(/^\.*$/)
            expect(part).not.toMatch(/[\\\0]/)
          }
        } catch (cause) {
          expect((cause as { _tag?: string })._tag).toBe("PipelineInvalid")
        }
      }),
    )
  })
})
