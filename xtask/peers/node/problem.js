// An error whose text may be answered.
export class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
