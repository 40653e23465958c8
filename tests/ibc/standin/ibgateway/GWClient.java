package ibgateway;

import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;

import java.awt.Dimension;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import javax.swing.JFrame;
import javax.swing.JMenu;
import javax.swing.JMenuBar;
import javax.swing.JMenuItem;
import javax.swing.SwingUtilities;
import javax.swing.Timer;

/**
 * Stands in for IB Gateway: the windows that IBC looks for, with their captions, and what becomes of a login by the name of its user.
 * A file standin.properties in the folder above its jar's says where the simulator is and where to record what was typed.
 */
public final class GWClient {
    private static final int NIGHT = 5000;
    private final Properties options = new Properties();
    private final JFrame main = new JFrame("IBKR Gateway");
    private final ApiPort api;

    private GWClient() throws Exception {
        Path jar = Path.of(GWClient.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        try (InputStream file = Files.newInputStream(jar.getParent().resolveSibling("standin.properties"))) {
            options.load(file);
        }
        api = new ApiPort(Integer.parseInt(options.getProperty("simulator")));
    }

    /** IBC calls this. */
    public static void main(String[] arguments) throws Exception {
        GWClient client = new GWClient();
        SwingUtilities.invokeLater(client::showWindows);
    }

    /** Does something in a while, with the events. */
    static void later(int milliseconds, Runnable action) {
        Timer timer = new Timer(milliseconds, event -> action.run());
        timer.setRepeats(false);
        timer.start();
    }

    private void showWindows() {
        JMenuBar bar = new JMenuBar();
        bar.add(menu("File", "Close", () -> System.exit(0)));
        bar.add(menu("Configure", "Settings", () -> new SettingsDialog(main, api).setVisible(true)));
        bar.add(menu("Help", "About IB Gateway", () -> { }));
        main.setJMenuBar(bar);
        main.setPreferredSize(new Dimension(700, 500));
        main.pack();
        main.setVisible(true);
        if (System.getProperty("restart") == null) {
            new LoginWindow(this::attempted, this::loggedIn).setVisible(true);
        } else {
            deleteRestartFile();
            loggedIn();
        }
    }

    /** What the gateway does at night: a file in a folder of its settings lets the next start do without a login. */
    private static void restart() {
        try {
            Files.createDirectories(restartFile("abcdef").getParent());
            Files.createFile(restartFile("abcdef"));
        } catch (IOException problem) {
            throw new IllegalStateException(problem);
        }
        System.exit(0);
    }

    private static void deleteRestartFile() {
        try {
            Files.delete(restartFile(System.getProperty("restart")));
        } catch (IOException problem) {
            throw new IllegalStateException(problem);
        }
    }

    private static Path restartFile(String folder) {
        return Path.of(System.getProperty("jtsConfigDir"), folder, "autorestart");
    }

    private static JMenu menu(String name, String item, Runnable action) {
        JMenu menu = new JMenu(name);
        JMenuItem only = new JMenuItem(item);
        only.addActionListener(event -> action.run());
        menu.add(only);
        return menu;
    }

    private void attempted(String user, String password, String mode) {
        String record = String.join(" ", user, ApiPort.hex(password), mode) + "\n";
        try {
            Files.writeString(Path.of(options.getProperty("record")), record, CREATE, APPEND);
        } catch (IOException problem) {
            throw new IllegalStateException(problem);
        }
        if (user.equals("restarts")) {
            later(NIGHT, GWClient::restart);
        }
    }

    private void loggedIn() {
        JFrame splash = new JFrame("Starting application...");
        splash.setPreferredSize(new Dimension(300, 80));
        splash.pack();
        splash.setVisible(true);
        later(500, splash::dispose);
    }
}
