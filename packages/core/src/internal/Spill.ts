/**
 * A file for what does not fit in memory: in the system's temporary folder (`TMPDIR`), without a name from its first
 * moment on, so that it is gone with the process, however that ends. Its handle closes when nobody can read it any more.
 */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as RecordBatchFile from "../RecordBatchFile.ts"

const handles = new FinalizationRegistry<number>((handle) => fs.closeSync(handle))

/** Writes to a file and gives it for reading. */
export class Spill implements RecordBatchFile.Bytes {
  sizeBytes = 0
  private readonly handle: number
  readonly read: RecordBatchFile.Bytes["read"]
  constructor() {
    const path = join(tmpdir(), `thaw-${process.pid}-${randomBytes(8).toString("hex")}`)
    this.handle = fs.openSync(path, "wx+", 0o600)
    fs.unlinkSync(path)
    handles.register(this, this.handle)
    const bytes = RecordBatchFile.ofHandle(this.handle)
    this.read = (from, to) => bytes.read(from, to)
  }
  /** Writes the parts one after the other. */
  append(parts: ReadonlyArray<Uint8Array>): void {
    let written = fs.writevSync(this.handle, parts)
    this.sizeBytes += written
    for (const part of parts) {
      // What is written may be less than what was given.
      for (let at = written; at < part.length;) {
        const count = fs.writeSync(this.handle, part, at)
        at += count
        this.sizeBytes += count
      }
      written = Math.max(0, written - part.length)
    }
  }
}
