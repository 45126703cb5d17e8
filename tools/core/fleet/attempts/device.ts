/** What a device says of itself when it asks for an update, plus what is known of it. */
export interface Device {
  readonly id: string;
  readonly model: string;
  /** What it runs now, by its own words. */
  readonly version: string;
  /** Build number, when the device has one; orders images of the same version. */
  readonly build: number | undefined;
  /** SHA-256 of the running image or of its ELF file (lowercase hex), when the device tells. */
  readonly imageSha256: string | undefined;
  /** Chip name as in an image header (`esp32s3`), when the device tells. */
  readonly chip: string | undefined;
  readonly groups: readonly string[];
  /** How often it took a release and came back without it, by release id. */
  readonly setbacks: Readonly<Record<number, number>>;
}
