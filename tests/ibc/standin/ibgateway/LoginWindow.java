package ibgateway;

import java.awt.FlowLayout;
import java.awt.GridLayout;
import javax.swing.ButtonGroup;
import javax.swing.JButton;
import javax.swing.JDialog;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JPasswordField;
import javax.swing.JTextArea;
import javax.swing.JTextField;
import javax.swing.JToggleButton;
import javax.swing.WindowConstants;

/** The login window. What becomes of a login is up to the name of its user; whatever has no case here is logged in. */
final class LoginWindow extends JFrame {
    /** Told what was typed. */
    interface Attempt {
        void made(String user, String password, String mode);
    }

    private static final int THINKING = 300;
    private final JTextField user = new JTextField(12);
    private final JPasswordField password = new JPasswordField(12);
    private final JToggleButton paper = new JToggleButton("Paper Trading");
    private final JButton logIn = new JButton("Log In");
    private final Runnable loggedIn;

    LoginWindow(Attempt attempt, Runnable loggedIn) {
        super("IBKR Gateway");
        this.loggedIn = loggedIn;
        setLayout(new GridLayout(0, 2));
        add(new JLabel("LOGIN"));
        add(new JLabel("Trading Mode"));
        pair(new JToggleButton("FIX CTCI"), new JToggleButton("IB API"));
        pair(new JToggleButton("Live Trading"), paper);
        add(user);
        add(password);
        add(logIn);
        logIn.addActionListener(event -> {
            logIn.setEnabled(false);
            attempt.made(user.getText(), new String(password.getPassword()), paper.isSelected() ? "paper" : "live");
            GWClient.later(THINKING, this::answer);
        });
        pack();
    }

    private void pair(JToggleButton one, JToggleButton other) {
        ButtonGroup group = new ButtonGroup();
        group.add(one);
        group.add(other);
        add(one);
        add(other);
    }

    private void answer() {
        switch (user.getText()) {
            case "wrong" -> ask("Login failed", "Unrecognized Username or Password", "OK", null);
            case "wrong-unhandled" -> ask("Unrecognized Username or Password", "Check them", "OK", null);
            case "wrong-error" -> ask("Login Error", "Invalid username or password.", "OK", null);
            case "locked" -> ask("Login Error", "Too many failed login attempts. Please wait 4 minutes & 37 seconds before attempting to re-login again.", "OK", null);
            case "locked-dialog" -> ask("IBKR Gateway", "Too many failed login attempts. Please wait 20 seconds before attempting to re-login again.", "OK", null);
            case "audit" -> ask("Login Error", "Your account is being audited.\nCall us.", "OK", null);
            case "existing" -> ask("Existing session detected", "Another session is logged in", "Continue Login", this::accept);
            case "twofactor" -> secondFactor(1500, true);
            case "twofactor-never" -> secondFactor(2500, false);
            case "twofactor-hangs" -> secondFactor(Integer.MAX_VALUE, false);
            case "crash" -> System.exit(1);
            default -> accept();
        }
    }

    private void accept() {
        dispose();
        loggedIn.run();
    }

    private void ask(String title, String text, String button, Runnable then) {
        JDialog dialog = new JDialog(this, title);
        dialog.setLayout(new FlowLayout());
        dialog.add(new JTextArea(text));
        JButton only = new JButton(button);
        only.addActionListener(event -> {
            dialog.dispose();
            if (then != null) {
                then.run();
            }
        });
        dialog.add(only);
        dialog.pack();
        dialog.setVisible(true);
    }

    private void secondFactor(int milliseconds, boolean approved) {
        JDialog dialog = new JDialog(this, "Second Factor Authentication");
        dialog.setDefaultCloseOperation(WindowConstants.DISPOSE_ON_CLOSE);
        dialog.add(new JLabel("A notification was sent to your device."));
        dialog.pack();
        dialog.setVisible(true);
        GWClient.later(milliseconds, () -> {
            dialog.dispose();
            if (approved) {
                accept();
            } else {
                logIn.setEnabled(true);
            }
        });
    }
}
