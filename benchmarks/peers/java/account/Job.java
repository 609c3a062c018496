package account;

import java.util.HashMap;
import java.util.Map;

/** What a job is told on its command line: words of the form name=value. */
final class Job {
  private final Map<String, String> words = new HashMap<>();

  private Job() {}

  /** Reads the words; one without an equals sign is an error. */
  static Job of(String[] given) {
    Job job = new Job();
    for (String word : given) {
      int equals = word.indexOf('=');
      if (equals < 0) {
        throw new IllegalArgumentException("'" + word + "' is not name=value");
      }
      job.words.put(word.substring(0, equals), word.substring(equals + 1));
    }
    return job;
  }

  /** The value of a name; an error if it was not given. */
  String get(String name) {
    String value = words.get(name);
    if (value == null) {
      throw new IllegalArgumentException("'" + name + "=...' is missing");
    }
    return value;
  }
}
