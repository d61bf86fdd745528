import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import * as Dataset from "@thaw/core/Dataset"
import * as Load from "@thaw/steps/Load"
import { afterAll, describe, expect, it } from "vitest"
import { failure, outcome } from "../running.ts"

const root = mkdtempSync(path.join(tmpdir(), "thaw-shards-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const put = (name: string, content: string) => {
  mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
  writeFileSync(path.join(root, name), content)
}
const at = (written: string) => ({ path: path.join(root, written), written: `./${written}` })
const texts = async (written: string) =>
  Array.from(
    Dataset.rowsOf(await outcome(Load.csv.run({ path: at(written), text: "text", label: "topic" }))),
    ({ text }) => text,
  )

put("many/part-2.csv", "topic,text\nx,three\n")
put("many/part-1.csv", "text,topic\none,x\ntwo,y\n")
put("many/part-3.csv", "text,topic\n")
put("many/part-4.csv", "")
put("many/_SUCCESS", "not a table")
put("many/.hidden", "not a table")
put("many/deeper/part-0.csv", "text,topic\nzero,x\n")

describe("shards", () => {
  it("are the files of a folder in the order of their names, each with its own header; empty ones add nothing", async () => {
    expect(await texts("many")).toEqual(["one", "two", "three"])
  })

  it("are what a glob names", async () => {
    expect(await texts("many/part-[12].csv")).toEqual(["one", "two", "three"])
    expect(await texts("many/**/part-[01].csv")).toEqual(["zero", "one", "two"])
    expect(await texts("*/part-2.csv")).toEqual(["three"])
  })

  it("number the occurrences of one text over all of them", async () => {
    put("same/a.csv", "text\nRain\n")
    put("same/b.csv", "text\nrain\n")
    const rows = [...Dataset.rowsOf(await outcome(Load.csv.run({ path: at("same"), text: "text" })))]
    expect(rows[1]!.id).toBe(`${rows[0]!.id}-2`)
  })

  it("say in which of them something is wrong", async () => {
    put("bad/a.csv", "id,text\n1,one\n")
    put("bad/b.csv", "id,text\n2,two\n1,three\n")
    const problem = (written: string, id = "id") =>
      failure(Load.csv.run({ path: at(written), text: "text", id })).then(({ message }) => message)
    expect(await problem("bad")).toBe(
      './bad/b.csv, line 3: expected an id of its own, got "1", which line 2 of ./bad/a.csv has already.',
    )
    expect(await problem("bad/*.csv", "key")).toContain('./bad/a.csv, line 1: expected one column "key"')
    expect(await problem("bad/*.tsv")).toBe(
      "./bad/*.tsv: expected files, got none. Names that start with a dot or an underscore do not count.",
    )
  })
})
