/** What went wrong on the device, by the name that ESP-IDF has for it. */
export class DeviceError extends Error {
  readonly espName: string;
  constructor(espName: string, message: string) {
    super(message);
    this.espName = espName;
  }
}
