import type { FastifyRequest } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import { requireStorable } from '../http/texts.ts';
import type { TakenFile } from '../releases/releases.ts';
import type { Service } from '../service.ts';

/** A form with one file in it. */
export interface UploadedForm {
  readonly file: TakenFile;
  readonly filename: string;
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * Reads a form, its fields in any order; the file goes straight to the artifact store. What `use` does not keep of it
 * is gone afterwards.
 *
 * @throws OtaError `request-invalid` without a file, and what taking a file in throws
 */
export async function withForm<Answer>(
  service: Service,
  request: FastifyRequest,
  use: (form: UploadedForm) => Promise<Answer>,
): Promise<Answer> {
  if (!request.isMultipart()) throw noFile();
  const form: OpenForm = { file: undefined, filename: 'firmware.bin', fields: {} };
  try {
    await readParts(service, request, form);
    const { file, filename, fields } = form;
    if (file === undefined) throw noFile();
    return await use({ file, filename, fields });
  } finally {
    await form.file?.discard();
  }
}

/** A form while it is read. */
interface OpenForm {
  file: TakenFile | undefined;
  filename: string;
  readonly fields: Record<string, string>;
}

async function readParts(service: Service, request: FastifyRequest, form: OpenForm): Promise<void> {
  try {
    for await (const part of request.parts()) {
      requireStorable('the name of a field', part.fieldname);
      if (part.type === 'field') {
        form.fields[part.fieldname] = String(part.value);
        requireStorable(`the field ${part.fieldname}`, String(part.value));
      } else if (part.fieldname === 'file' || part.fieldname === 'firmware') {
        form.filename = baseName(part.filename);
        // A part that is given up in the middle ends the parsing.
        form.file = await service.releases.take(part.file).finally(() => part.file.destroy());
      } else {
        part.file.resume();
      }
    }
  } catch (error) {
    throw isFormError(error) ? brokenForm(error) : error;
  }
}

/** The parser of forms throws errors that have no code and no class of their own. */
function isFormError(error: unknown): error is Error {
  return (
    error instanceof Error && Object.getPrototypeOf(error) === Error.prototype && !('code' in error)
  );
}

function brokenForm(cause: Error): OtaError {
  return new OtaError('request-invalid', `the form is broken: ${cause.message}`, {
    cause,
    hint: 'Send it again, whole: curl -F "file=@firmware.bin".',
  });
}

/** Some clients send the path on their own disk. */
function baseName(name: string): string {
  return name.split(/[/\\]/).at(-1) || 'firmware.bin';
}

function noFile(): OtaError {
  return new OtaError('request-invalid', 'there is no file in the request', {
    hint: 'Send a form (multipart/form-data) with the field "file": curl -F "file=@firmware.bin".',
  });
}
