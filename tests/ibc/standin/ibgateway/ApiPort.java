package ibgateway;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** The gateway's API port: hands the bytes of its clients to the simulator and back. */
final class ApiPort {
    private final int simulator;
    private ServerSocket server;

    ApiPort(int simulator) {
        this.simulator = simulator;
    }

    static String hex(String text) {
        return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Opens the port, on this machine only. */
    synchronized void open(int port) throws IOException {
        if (server == null || server.getLocalPort() != port) {
            if (server != null) {
                server.close();
            }
            server = new ServerSocket(port, 5, InetAddress.getLoopbackAddress());
            start(this::serve);
        }
    }

    private void serve() throws IOException {
        while (true) {
            relay(server.accept());
        }
    }

    private void relay(Socket client) throws IOException {
        Socket gateway;
        try {
            gateway = new Socket(InetAddress.getLoopbackAddress(), simulator);
        } catch (IOException notThereYet) {
            client.close();
            return;
        }
        start(() -> copy(client, gateway));
        start(() -> copy(gateway, client));
    }

    private static void copy(Socket from, Socket to) throws IOException {
        try (from; to; InputStream in = from.getInputStream()) {
            in.transferTo(to.getOutputStream());
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void start(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (IOException closed) {
                // One of the two has gone, and try-with-resources has closed the other.
            }
        });
        thread.setDaemon(true);
        thread.start();
    }
}
