/** Imported first by every process of the command: at its end it leaves what memory it had at most, in a file of its own. */
import { appendFileSync } from "node:fs"
import * as PeakMemory from "@thaw/runners/PeakMemory"

process.on("exit", () => appendFileSync(process.env["PEAKS"]!, `${PeakMemory.bytes()}\n`))
