package ibgateway;

import java.awt.FlowLayout;
import java.io.IOException;
import javax.swing.BoxLayout;
import javax.swing.ButtonGroup;
import javax.swing.JButton;
import javax.swing.JCheckBox;
import javax.swing.JComponent;
import javax.swing.JDialog;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JRadioButton;
import javax.swing.JTextField;
import javax.swing.JTree;
import javax.swing.tree.DefaultMutableTreeNode;

/** The settings that IBC sets: a tree of pages, of which it selects one, and the pages' fields, all shown at once. */
final class SettingsDialog extends JDialog {
    private final JTextField port = new JTextField("4002", 6);
    private final ApiPort api;

    SettingsDialog(JFrame owner, ApiPort api) {
        super(owner, "IBKR Gateway Configuration");
        this.api = api;
        getContentPane().setLayout(new BoxLayout(getContentPane(), BoxLayout.Y_AXIS));
        DefaultMutableTreeNode root = new DefaultMutableTreeNode("Configuration");
        DefaultMutableTreeNode settings = new DefaultMutableTreeNode("API");
        settings.add(new DefaultMutableTreeNode("Settings"));
        root.add(settings);
        root.add(new DefaultMutableTreeNode("Lock and Exit"));
        add(new JTree(root));
        JPanel row = row(new JLabel("Socket port"), port);
        row.setName("Socket port");
        add(row);
        add(row(new JCheckBox("Read-Only API", true)));
        add(restart());
        JButton ok = new JButton("OK");
        ok.addActionListener(event -> apply());
        add(row(ok));
        pack();
    }

    private static JPanel row(JComponent... parts) {
        JPanel row = new JPanel(new FlowLayout());
        for (JComponent part : parts) {
            row.add(part);
        }
        return row;
    }

    private static JPanel restart() {
        JRadioButton am = new JRadioButton("AM");
        JRadioButton pm = new JRadioButton("PM", true);
        ButtonGroup half = new ButtonGroup();
        half.add(am);
        half.add(pm);
        JRadioButton logoff = new JRadioButton("Auto logoff", true);
        JRadioButton restart = new JRadioButton("Auto restart");
        ButtonGroup kind = new ButtonGroup();
        kind.add(logoff);
        kind.add(restart);
        return row(row(new JLabel("Set Auto Log Off Time (HH:MM)")), new JTextField("11:45", 6), am, pm, logoff, restart);
    }

    private void apply() {
        try {
            api.open(Integer.parseInt(port.getText()));
        } catch (IOException problem) {
            throw new IllegalStateException(problem);
        }
        dispose();
    }
}
