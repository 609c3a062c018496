package account;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * The job 'account view' in the DSL of Kafka Streams: five tables, one foreign-key join, four aggregates, four left joins.
 * Exactly once, a commit each 100 ms, no record cache (with the cache it is slower, and accounts were finally wrong).
 */
public final class StreamsView {
  /** Sums of what an account owns: rows, rows that count as live, amount. */
  record Sums(long rows, long live, long amount) {
    static final Sums NONE = new Sums(0, 0, 0);

    Sums plus(Item item) {
      return new Sums(rows + 1, live + (item.live ? 1 : 0), amount + item.amount);
    }

    Sums minus(Item item) {
      return new Sums(rows - 1, live - (item.live ? 1 : 0), amount - item.amount);
    }
  }

  /** A row that belongs to another one: the row it points to, whether it counts as live, its amount. */
  record Item(long owner, boolean live, long amount) {}

  /** The account row itself. */
  record Account(String name, String currency, String status, long paid) {}

  /** The record under construction. */
  record View(Account account, Sums subscriptions, Sums invoices, Sums payments, Sums cases) {}

  private static final Serde<Item> ITEM = serde(
      item -> longs(item.owner, item.live ? 1 : 0, item.amount),
      bytes -> new Item(bytes.getLong(), bytes.getLong() == 1, bytes.getLong()));
  private static final Serde<Sums> SUMS = serde(
      sums -> longs(sums.rows, sums.live, sums.amount),
      bytes -> new Sums(bytes.getLong(), bytes.getLong(), bytes.getLong()));
  private static final Serde<Account> ACCOUNT = serde(StreamsView::accountBytes, StreamsView::accountOf);

  private StreamsView() {}

  /** Runs until it is killed. */
  public static void main(String[] words) throws InterruptedException {
    Job job = Job.of(words);
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, job.get("run"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.get("kafka"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, job.get("state"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put("auto.offset.reset", "earliest");
    StreamsBuilder builder = new StreamsBuilder();
    build(builder, job);
    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(3);
      return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
    streams.start();
    new CountDownLatch(1).await();
  }

  private static void build(StreamsBuilder builder, Job job) {
    Serde<Long> accountKey = keys(Integer.parseInt(job.get("accounts-key")));
    Serde<Long> invoiceKey = keys(Integer.parseInt(job.get("invoices-key")));
    Serde<Long> otherKey = keys(0);
    KTable<Long, Account> accounts = table(builder, job, "accounts", accountKey, ACCOUNT, row ->
        new Account(text(row, "name"), text(row, "currency"), text(row, "status"), number(row, "paid_cents")));
    KTable<Long, Item> subscriptions = table(builder, job, "subscriptions", otherKey, ITEM, row -> {
      boolean active = text(row, "status").equals("active");
      return new Item(number(row, "account_id"), active, active ? number(row, "mrr_cents") : 0);
    });
    KTable<Long, Item> invoices = table(builder, job, "invoices", invoiceKey, ITEM, row ->
        new Item(number(row, "account_id"), true, number(row, "total_cents")));
    KTable<Long, Item> payments = table(builder, job, "payments", otherKey, ITEM, row ->
        new Item(number(row, "invoice_id"), true, number(row, "amount_cents")));
    KTable<Long, Item> cases = table(builder, job, "cases", otherKey, ITEM, row ->
        new Item(number(row, "account_id"), text(row, "status").equals("open"), 0));
    KTable<Long, Item> paid = payments.join(
        invoices,
        Item::owner,
        (payment, invoice) -> new Item(invoice.owner, true, payment.amount),
        stored(otherKey, ITEM));
    accounts
        .leftJoin(sums(subscriptions, accountKey), (account, sums) -> new View(account, sums, null, null, null))
        .leftJoin(sums(invoices, accountKey), (view, sums) ->
            new View(view.account, view.subscriptions, sums, null, null))
        .leftJoin(sums(paid, accountKey), (view, sums) ->
            new View(view.account, view.subscriptions, view.invoices, sums, null))
        .leftJoin(sums(cases, accountKey), (view, sums) ->
            new View(view.account, view.subscriptions, view.invoices, view.payments, sums))
        .toStream()
        .map((id, view) -> KeyValue.pair(
            ("{\"id\":" + id + "}").getBytes(StandardCharsets.US_ASCII), view == null ? null : json(id, view)))
        .to(job.get("output"), Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
  }

  /** One captured table: the image after each change, nothing after a delete. */
  private static <T> KTable<Long, T> table(
      StreamsBuilder builder, Job job, String name, Serde<Long> key, Serde<T> serde, Function<GenericRecord, T> row) {
    ThreadLocal<Frames> frames = ThreadLocal.withInitial(() -> new Frames(job.get("registry")));
    return builder
        .stream(job.get(name), Consumed.with(key, Serdes.ByteArray()))
        .mapValues(frame -> {
          GenericRecord after = frame == null ? null : (GenericRecord) frames.get().envelope(frame).get("after");
          return after == null ? null : row.apply(after);
        })
        .toTable(stored(key, serde));
  }

  private static KTable<Long, Sums> sums(KTable<Long, Item> items, Serde<Long> key) {
    return items
        .groupBy((id, item) -> KeyValue.pair(item.owner, item), Grouped.with(key, ITEM))
        .aggregate(
            () -> Sums.NONE,
            (owner, item, sums) -> sums.plus(item),
            (owner, item, sums) -> sums.minus(item),
            stored(key, SUMS));
  }

  private static <T> Materialized<Long, T, KeyValueStore<Bytes, byte[]>> stored(Serde<Long> key, Serde<T> value) {
    return Materialized.with(key, value);
  }

  private static byte[] json(long id, View view) {
    Sums none = Sums.NONE;
    Sums subscriptions = view.subscriptions == null ? none : view.subscriptions;
    Sums invoices = view.invoices == null ? none : view.invoices;
    Sums payments = view.payments == null ? none : view.payments;
    Sums cases = view.cases == null ? none : view.cases;
    return ("{\"id\":" + id + ",\"name\":\"" + view.account.name + "\",\"currency\":\"" + view.account.currency
        + "\",\"status\":\"" + view.account.status + "\",\"reported\":" + view.account.paid
        + ",\"paid\":" + payments.amount + ",\"payments\":" + payments.rows
        + ",\"invoices\":" + invoices.rows + ",\"billed\":" + invoices.amount
        + ",\"subscriptions\":" + subscriptions.rows + ",\"mrr\":" + subscriptions.amount
        + ",\"cases\":" + cases.rows + ",\"cases_open\":" + cases.live + "}").getBytes(StandardCharsets.UTF_8);
  }

  private static long number(GenericRecord row, String column) {
    return (Long) row.get(column);
  }

  private static String text(GenericRecord row, String column) {
    return row.get(column).toString();
  }

  /** Keys as Debezium writes them, so that what is grouped by account lies in the partition of the account's own row. */
  private static Serde<Long> keys(int schemaId) {
    return Serdes.serdeFrom(
        (topic, id) -> {
          if (id == null) {
            return null;
          }
          ByteBuffer bytes = ByteBuffer.allocate(15).put((byte) 0).putInt(schemaId);
          long left = (id << 1) ^ (id >> 63);
          while ((left & ~0x7FL) != 0) {
            bytes.put((byte) ((left & 0x7F) | 0x80));
            left >>>= 7;
          }
          bytes.put((byte) left);
          byte[] frame = new byte[bytes.position()];
          bytes.flip().get(frame);
          return frame;
        },
        (topic, frame) -> frame == null ? null : Frames.key(frame));
  }

  private static <T> Serde<T> serde(Function<T, byte[]> write, Function<ByteBuffer, T> read) {
    return Serdes.serdeFrom(
        (topic, value) -> value == null ? null : write.apply(value),
        (topic, bytes) -> bytes == null ? null : read.apply(ByteBuffer.wrap(bytes)));
  }

  private static byte[] longs(long... values) {
    ByteBuffer bytes = ByteBuffer.allocate(8 * values.length);
    for (long value : values) {
      bytes.putLong(value);
    }
    return bytes.array();
  }

  private static byte[] accountBytes(Account account) {
    byte[] text = (account.name + '\0' + account.currency + '\0' + account.status).getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + text.length).putLong(account.paid).put(text).array();
  }

  private static Account accountOf(ByteBuffer bytes) {
    long paid = bytes.getLong();
    byte[] text = new byte[bytes.remaining()];
    bytes.get(text);
    String[] words = new String(text, StandardCharsets.UTF_8).split("\0", -1);
    return new Account(words[0], words[1], words[2], paid);
  }
}
