package account;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

/**
 * Debezium envelopes in Confluent's frame (magic 0, schema id, Avro), read from the same topics that Concord reads.
 * Only what a job needs is materialised: the images and the operation; the source block is skipped while decoding.
 * Not thread-safe: one instance a thread.
 */
final class Frames {
  static final int PREFIX_BYTES = 5;
  private static final String[] NEEDED = {"before", "after", "op"};

  private final String registry;
  private final Map<Integer, GenericDatumReader<GenericRecord>> readers = new HashMap<>();
  private BinaryDecoder decoder;

  /** registry: base address of the Confluent API. */
  Frames(String registry) {
    this.registry = registry;
  }

  /** The envelope of a frame: before, after, op. */
  GenericRecord envelope(byte[] frame) {
    int id = ByteBuffer.wrap(frame).getInt(1);
    try {
      GenericDatumReader<GenericRecord> reader = readers.get(id);
      if (reader == null) {
        Schema writer = new Schema.Parser().parse(schemaText(id));
        reader = new GenericDatumReader<>(writer, needed(writer));
        readers.put(id, reader);
      }
      decoder = DecoderFactory.get().binaryDecoder(frame, PREFIX_BYTES, frame.length - PREFIX_BYTES, decoder);
      return reader.read(null, decoder);
    } catch (IOException error) {
      throw new IllegalStateException("a frame of schema " + id + " cannot be read", error);
    }
  }

  private static Schema needed(Schema envelope) {
    List<Schema.Field> fields = new ArrayList<>();
    for (String name : NEEDED) {
      fields.add(new Schema.Field(envelope.getField(name), envelope.getField(name).schema()));
    }
    return Schema.createRecord(envelope.getName(), null, envelope.getNamespace(), false, fields);
  }

  /** The key's number: Debezium's keys here are records of one long. */
  static long key(byte[] frame) {
    try {
      return DecoderFactory.get().binaryDecoder(frame, PREFIX_BYTES, frame.length - PREFIX_BYTES, null).readLong();
    } catch (IOException error) {
      throw new IllegalStateException("a key cannot be read", error);
    }
  }

  private String schemaText(int id) throws IOException {
    String body = get("/schemas/ids/" + id);
    // {"schema": "<text>"}: the one field is a JSON string, and Avro's parser reads JSON already
    return com.fasterxml.jackson.databind.json.JsonMapper.builder().build().readTree(body).get("schema").textValue();
  }

  private String get(String path) throws IOException {
    HttpRequest request = HttpRequest.newBuilder(URI.create(registry + path)).build();
    try {
      HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() != 200) {
        throw new IOException("the registry answers " + answer.statusCode() + " to " + path);
      }
      return answer.body();
    } catch (InterruptedException error) {
      throw new IOException(error);
    }
  }
}
