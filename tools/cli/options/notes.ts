import { readFile } from 'node:fs/promises';
import { OtaError } from '../../core/errors.ts';
import type { Io } from '../io.ts';
import { absolute } from './options.ts';

/** As schemas/ota-release.schema.json has it. */
const longestNotes = 65_536;

/**
 * Release notes, from `--notes` or `--notes-file`, without white space around them.
 *
 * @throws OtaError `notes-unreadable`
 */
export async function readNotes(
  flags: { notes: string | undefined; 'notes-file': string | undefined },
  io: Io,
): Promise<string | undefined> {
  const { 'notes-file': path } = flags;
  const notes = path === undefined ? flags.notes : await readNotesFile(absolute(io, path), path);
  if (notes === undefined || notes.length <= longestNotes)
    return notes?.replaceAll('\r\n', '\n').trim();
  throw new OtaError('notes-unreadable', `the notes have ${notes.length} characters`, {
    hint: `At most ${longestNotes} are taken: say the essential, and link to the rest.`,
  });
}

async function readNotesFile(path: string, shown: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new OtaError('notes-unreadable', `cannot read the notes file ${shown}`, {
      cause,
      hint: 'Correct --notes-file, or give the text with --notes.',
    });
  }
}
